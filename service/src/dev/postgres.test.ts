/** The own PostgreSQL: kept, adopted after a crash of its starter, refused with clear words. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { openAdmin } from '../store/postgres/admin.ts';
import { type PostgresOptions, type RunningPostgres, startPostgres } from './postgres.ts';

let dataDir: string;
const running: RunningPostgres[] = [];

async function start(more: Partial<PostgresOptions> = {}): Promise<RunningPostgres> {
  const server = await startPostgres({ dataDir, ...more });
  running.push(server);
  return server;
}

// One folder for all tests, since making one takes seconds; each test stops what it started.
beforeAll(() => {
  dataDir = join(mkdtempSync(join(tmpdir(), 'perdure-test-')), '.perdure');
  chmodSync(join(dataDir, '..'), 0o711);
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});
afterAll(() => rmSync(join(dataDir, '..'), { recursive: true, force: true }));

async function ask(url: string, sql: string): Promise<unknown[]> {
  const admin = await openAdmin(url);
  try {
    return await admin.run(sql);
  } finally {
    await admin.close();
  }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('data outlives the server; files are for their owner only', { timeout: 60_000 }, async () => {
  const first = await start();
  expect(first.adopted).toBe(false);
  expect(new URL(first.url).hostname).toBe('127.0.0.1');
  await ask(first.url, 'CREATE TABLE IF NOT EXISTS kept (n INT4)');
  expect(await ask(first.url, "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS sync")).toEqual([
    { fsync: 'on', sync: 'on' },
  ]);
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);
  const second = await start();
  expect(await ask(second.url, 'SELECT count(*) FROM kept')).toEqual([{ count: 0 }]);
  const mode = (path: string): string => (statSync(join(dataDir, path)).mode & 0o777).toString(8);
  expect([mode('.'), mode('password'), mode('pg')]).toEqual(['711', '600', '700']);
  await expect(openAdmin(second.url.replace(/:[^:@]*@/, ':wrong@'))).rejects.toThrow(/password authentication failed/);
});

test('a server left behind is adopted, a killed one is recovered', { timeout: 60_000 }, async () => {
  const first = await start();
  await ask(first.url, 'CREATE TABLE IF NOT EXISTS kept (n INT4)');
  const adopter = await start();
  expect([adopter.adopted, adopter.pid, adopter.url]).toEqual([true, first.pid, first.url]);
  process.kill(first.pid, 'SIGKILL');
  await vi.waitFor(() => expect(isAlive(first.pid)).toBe(false), { timeout: 20_000 });
  const third = await start();
  expect([third.adopted, third.pid === first.pid]).toEqual([false, false]);
  expect(await ask(third.url, 'SELECT count(*) FROM kept')).toEqual([{ count: 0 }]);
});

test('a pid file that names another program is no server', { timeout: 60_000 }, async () => {
  await (await start()).stop();
  writeFileSync(join(dataDir, 'pg/postmaster.pid'), `${process.pid}\n${join(dataDir, 'pg')}\n0\n1\n\n127.0.0.1\n`);
  const server = await start();
  expect(server.adopted).toBe(false);
});

test('a port in use, data of another version and a broken configuration are named', { timeout: 60_000 }, async () => {
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
  const { port } = taken.address() as { port: number };
  await expect(start({ port })).rejects.toThrow(new RegExp(`port ${port}: the port is in use by another program`));
  taken.close();
  await expect(start({ settings: { max_connections: 'many' } })).rejects.toThrow(/max_connections/);
  const version = join(dataDir, 'pg/PG_VERSION');
  const before = readFileSync(version, 'utf8');
  writeFileSync(version, '15\n');
  await expect(start()).rejects.toThrow(/written by PostgreSQL 15; this is 18/);
  writeFileSync(version, before);
});

test('an ephemeral server leaves nothing', { timeout: 60_000 }, async () => {
  const server = await start({ ephemeral: true });
  const [row] = (await ask(server.url, 'SHOW data_directory')) as { data_directory: string }[];
  const folder = join(row?.data_directory ?? '', '..');
  expect(existsSync(folder)).toBe(true);
  await server.stop();
  expect(folder).not.toBe(dataDir);
  expect(existsSync(folder)).toBe(false);
});

test('a folder that others may no longer enter works as well', { timeout: 60_000 }, async () => {
  chmodSync(join(dataDir, '..'), 0o700);
  const server = await start();
  expect(await ask(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});
