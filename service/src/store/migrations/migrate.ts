/** Brings a database to the schema of this program, and checks that it has one that this program can use. */
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type AdminSession, openAdmin } from '../postgres/admin.ts';
import { type Statement, statement } from '../postgres/statements.ts';
import { MAC_SECRET } from '../seed.ts';
import { MIGRATIONS, type Migration } from './steps.ts';

/** The newest version known here. */
export const SCHEMA_VERSION: number = MIGRATIONS.at(-1)?.version ?? 0;

const LEASE_MS = 60_000;
const POLL_MS = 200;

const createVersions = statement(
  'migrate_create_versions',
  'CREATE TABLE IF NOT EXISTS schema_migrations (version INT4 NOT NULL, name TEXT NOT NULL, applied_at INT8 NOT NULL, PRIMARY KEY (version))',
);
const createLease = statement(
  'migrate_create_lease',
  'CREATE TABLE IF NOT EXISTS migration_lease (id INT4 NOT NULL, holder UUID NULL, expires_at INT8 NOT NULL, PRIMARY KEY (id))',
);
const seedLease = statement(
  'migrate_seed_lease',
  'INSERT INTO migration_lease (id, holder, expires_at) VALUES (1, NULL, 0) ON CONFLICT (id) DO NOTHING',
);
// One migration at a time. By the database's clock, since the machines of several programs may differ.
const takeLease = statement(
  'migrate_take_lease',
  `UPDATE migration_lease SET holder = $1::UUID, expires_at = (extract(epoch FROM clock_timestamp()) * 1000)::INT8 + $2::INT8
   WHERE id = 1 AND (holder IS NULL OR holder = $1::UUID OR expires_at < (extract(epoch FROM clock_timestamp()) * 1000)::INT8)
   RETURNING id`,
);
const returnLease = statement('migrate_return_lease', 'UPDATE migration_lease SET holder = NULL WHERE id = 1 AND holder = $1::UUID');
const readVersion = statement('migrate_read_version', 'SELECT max(version) AS version FROM schema_migrations');
const findVersions = statement(
  'migrate_find_versions',
  "SELECT count(*) AS tables FROM pg_catalog.pg_tables WHERE tablename = 'schema_migrations' AND schemaname = current_schema()",
);
const writeVersion = statement(
  'migrate_write_version',
  `INSERT INTO schema_migrations (version, name, applied_at)
   VALUES ($1::INT4, $2::TEXT, (extract(epoch FROM clock_timestamp()) * 1000)::INT8) ON CONFLICT (version) DO NOTHING`,
);
const writeSecret = statement(
  'migrate_write_secret',
  'INSERT INTO secrets (name, value) VALUES ($1::TEXT, $2::BYTEA) ON CONFLICT (name) DO NOTHING',
);

/** Two programs that create the same table at once: one is told that a name exists although it said IF NOT EXISTS. */
const CREATED_MEANWHILE = new Set(['23505', '42P07', '42710']);

async function define(admin: AdminSession, { text }: Statement): Promise<void> {
  try {
    await admin.run(text);
  } catch (error) {
    if (!CREATED_MEANWHILE.has((error as { code?: string }).code ?? '')) throw error;
  }
}

async function versionOf(admin: AdminSession): Promise<number> {
  const [found] = await admin.run<{ tables: number }>(findVersions.text);
  if (found === undefined || Number(found.tables) === 0) return 0;
  const [row] = await admin.run<{ version: number | null }>(readVersion.text);
  return row?.version ?? 0;
}

/** `keeper` is a session of its own: it keeps the lease while the other is busy with a long step. */
async function withLease(
  admin: AdminSession,
  keeper: AdminSession,
  waitMs: number,
  work: (extend: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const holder = randomUUID();
  const take = async (): Promise<boolean> => (await admin.run(takeLease.text, [holder, LEASE_MS])).length > 0;
  for (const limit = Date.now() + waitMs; !(await take()); await delay(POLL_MS)) {
    if (Date.now() > limit) throw new Error('another program is migrating this database and has not finished; try again later.');
  }
  const keep = setInterval(() => void keeper.run(takeLease.text, [holder, LEASE_MS]).catch(() => {}), LEASE_MS / 3);
  try {
    await work(async () => {
      if (!(await take())) throw new Error('the lease for migrating was lost to another program; run migrate again.');
    });
  } finally {
    clearInterval(keep);
    await admin.run(returnLease.text, [holder]).catch(() => {});
  }
}

/** An index that was being built when its program died is there, but of no use: without it IF NOT EXISTS builds it. */
const findUnfinished = statement(
  'migrate_find_unfinished',
  `SELECT c.relname AS name FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
   WHERE NOT i.indisvalid AND c.relname = ANY($1::TEXT[])`,
);

async function dropUnfinished(admin: AdminSession, migration: Migration): Promise<void> {
  const names = migration.steps.flatMap(({ text }) => /^CREATE INDEX CONCURRENTLY IF NOT EXISTS (\w+)/.exec(text)?.[1] ?? []);
  if (names.length === 0 || !admin.isPostgres) return;
  for (const { name } of await admin.run<{ name: string }>(findUnfinished.text, [names])) await admin.run(`DROP INDEX ${name}`);
}

async function apply(admin: AdminSession, migration: Migration, extend: () => Promise<void>): Promise<void> {
  await dropUnfinished(admin, migration);
  for (const step of migration.steps) {
    await extend();
    await define(admin, step);
  }
  if (admin.isPostgres) for (const step of migration.postgresTuning) await admin.run(step);
  if (migration.version === 1) await admin.run(writeSecret.text, [MAC_SECRET, randomBytes(32)]);
  await admin.run(writeVersion.text, [migration.version, migration.name]);
}

/**
 * Applies every migration that is missing; returns the version then reached. Safe to run from several programs at
 * once: the others wait up to 2 minutes. Rejects when the database cannot be reached or is of a newer schema.
 */
export async function migrate(url: string): Promise<number> {
  const admin = await openAdmin(url);
  const keeper = await openAdmin(url).catch(async (error: unknown) => {
    await admin.close();
    throw error;
  });
  try {
    await define(admin, createVersions);
    await define(admin, createLease);
    await admin.run(seedLease.text);
    await withLease(admin, keeper, 2 * LEASE_MS, async (extend) => {
      const version = await versionOf(admin);
      for (const migration of MIGRATIONS) if (migration.version > version) await apply(admin, migration, extend);
    });
    return await versionOf(admin);
  } finally {
    await Promise.all([admin.close(), keeper.close()]);
  }
}

/** The statements that `migrate` would run now, in order, without running any. */
export async function pendingSteps(url: string): Promise<string[]> {
  const admin = await openAdmin(url);
  try {
    const version = await versionOf(admin);
    return MIGRATIONS.filter((migration) => migration.version > version).flatMap((migration) => [
      ...migration.steps.map((step) => step.text),
      ...(admin.isPostgres ? migration.postgresTuning : []),
    ]);
  } finally {
    await admin.close();
  }
}

/** The schema version of a database; 0 when it has none. */
export async function schemaVersion(url: string): Promise<number> {
  const admin = await openAdmin(url);
  try {
    return await versionOf(admin);
  } finally {
    await admin.close();
  }
}

/** Rejects unless the schema is the one of this program or the next one, saying what to do. */
export async function checkSchema(url: string): Promise<void> {
  const version = await schemaVersion(url);
  if (version < SCHEMA_VERSION) {
    throw new Error(
      `the database has schema ${version}, this program needs ${SCHEMA_VERSION}: run "perdure migrate" with the same --db-url.`,
    );
  }
  if (version > SCHEMA_VERSION + 1) {
    throw new Error(
      `the database has schema ${version}, this program knows up to ${SCHEMA_VERSION} and can use ${SCHEMA_VERSION + 1}: use a newer program.`,
    );
  }
}
