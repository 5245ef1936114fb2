/** Databases for tests: one per file, so that files do not see each other. */
import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { createDatabase } from '../../src/store/postgres/admin.ts';

/** Creates a migrated database on the server of this run; returns its address. It goes with the server. */
export async function createTestDatabase(): Promise<string> {
  return createNamedDatabase(inject('postgresTemplate'));
}

/** The same without a schema. */
export async function createEmptyDatabase(): Promise<string> {
  return createNamedDatabase(undefined);
}

async function createNamedDatabase(template: string | undefined): Promise<string> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const server = inject('postgresUrl');
  await createDatabase(server, name, template);
  return server.replace(/[^/]*$/, name);
}
