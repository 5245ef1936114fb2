/** Migrations: any number of programs at once, again after an interruption, and clear words when the schema does not fit. */
import { expect, test } from 'vitest';
import { createEmptyDatabase } from '../../../test/support/database.ts';
import { openAdmin } from '../postgres/admin.ts';
import { checkSchema, migrate, pendingSteps, SCHEMA_VERSION, schemaVersion } from './migrate.ts';
import { MIGRATIONS } from './steps.ts';

test('versions are numbered without gaps', () => {
  expect(MIGRATIONS.map((migration) => migration.version)).toEqual(MIGRATIONS.map((_, i) => i + 1));
});

test('several programs migrate an empty database at once', async () => {
  const url = await createEmptyDatabase();
  expect(await schemaVersion(url)).toBe(0);
  expect((await pendingSteps(url)).length).toBeGreaterThan(15);
  await expect(checkSchema(url)).rejects.toThrow(/schema 0, this program needs \d+: run "perdure migrate"/);
  expect(await Promise.all([migrate(url), migrate(url), migrate(url)])).toEqual([SCHEMA_VERSION, SCHEMA_VERSION, SCHEMA_VERSION]);
  expect(await pendingSteps(url)).toEqual([]);
  await checkSchema(url);
});

test('what was interrupted is done again, and secrets stay', async () => {
  const url = await createEmptyDatabase();
  await migrate(url);
  const admin = await openAdmin(url);
  const secret = async (): Promise<unknown> =>
    (await admin.run<{ hex: string }>("SELECT encode(value, 'hex') AS hex FROM secrets"))[0]?.hex;
  const before = await secret();
  expect(before).toMatch(/^[0-9a-f]{64}$/);
  await admin.run('DELETE FROM schema_migrations');
  await admin.run('DROP INDEX executions_open');
  await admin.run('DELETE FROM slots WHERE slot > 4000');
  await migrate(url);
  expect(await secret()).toBe(before);
  expect(await admin.run('SELECT count(*)::INT4 AS slots, max(slot) AS last FROM slots')).toEqual([{ slots: 4096, last: 4095 }]);
  expect(await admin.run("SELECT 1 FROM pg_indexes WHERE indexname = 'executions_open'")).toHaveLength(1);
  await admin.close();
});

test('a lease left by a killed program runs out; a living one is waited for', async () => {
  const url = await createEmptyDatabase();
  await migrate(url);
  const admin = await openAdmin(url);
  await admin.run('DELETE FROM schema_migrations');
  await admin.run(
    "UPDATE migration_lease SET holder = '00000000-0000-7000-8000-000000000001', expires_at = (extract(epoch FROM clock_timestamp()) * 1000)::INT8 + 600",
  );
  const done = migrate(url);
  expect(await schemaVersion(url)).toBe(0);
  expect(await done).toBe(SCHEMA_VERSION);
  await admin.close();
});

test('a program knows its own schema and the next, not the one after', async () => {
  const url = await createEmptyDatabase();
  await migrate(url);
  const admin = await openAdmin(url);
  const setVersion = (version: number): Promise<unknown> =>
    admin.run("INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, 'later', 0)", [version]);
  await setVersion(SCHEMA_VERSION + 1);
  await checkSchema(url);
  expect(await migrate(url)).toBe(SCHEMA_VERSION + 1);
  await setVersion(SCHEMA_VERSION + 2);
  await expect(checkSchema(url)).rejects.toThrow(/use a newer program/);
  await admin.close();
});

test('an unreachable database is named without its password', async () => {
  const attempt = migrate('postgres://perdure:s3cret@127.0.0.1:1/orders');
  await expect(attempt).rejects.toThrow(/cannot reach the database orders at 127\.0\.0\.1:1/);
  await expect(attempt).rejects.not.toThrow(/s3cret/);
});
