/** One PostgreSQL for a whole run of tests, with a migrated database that others are copied from. */
import type { TestProject } from 'vitest/node';
import { startPostgres } from '../../src/dev/postgres.ts';
import { migrate } from '../../src/store/migrations/migrate.ts';
import { createDatabase } from '../../src/store/postgres/admin.ts';

/** Name of the migrated database. */
const TEMPLATE = 'perdure_template';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of a server with a database to copy. */
    postgresUrl: string;
    postgresTemplate: string;
    /** Address of a CockroachDB that the store's suite runs against as well, from COCKROACH_URL; '' when there is none. */
    cockroachUrl: string;
  }
}

/** Nothing outlives a run of tests, so nothing needs to survive a power failure. */
const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres({ dataDir: '', ephemeral: true, settings: FAST });
  try {
    await createDatabase(server.url, TEMPLATE);
    await migrate(server.url.replace(/[^/]*$/, TEMPLATE));
  } catch (error) {
    await server.stop();
    throw error;
  }
  project.provide('postgresUrl', server.url);
  project.provide('postgresTemplate', TEMPLATE);
  project.provide('cockroachUrl', process.env.COCKROACH_URL ?? '');
  return () => server.stop();
}
