/** Databases for tests: one per file, so that files do not see each other. */
import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { migrate } from '../../src/store/migrations/migrate.ts';
import { createDatabase } from '../../src/store/postgres/admin.ts';

/** Creates a migrated database on the server of this run; returns its address. It goes with the server. */
export async function createTestDatabase(): Promise<string> {
  return createNamedDatabase(inject('postgresTemplate'));
}

/** The same without a schema. */
export async function createEmptyDatabase(): Promise<string> {
  return createNamedDatabase(undefined);
}

/** A migrated database on the CockroachDB of this run. It stays. */
export async function createCockroachDatabase(): Promise<string> {
  const url = await createNamedDatabase(undefined, inject('cockroachUrl'));
  await migrate(url);
  return url;
}

async function createNamedDatabase(template: string | undefined, server: string = inject('postgresUrl')): Promise<string> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await createDatabase(server, name, template);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
