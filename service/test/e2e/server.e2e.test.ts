/** `perdure server`, `migrate` and `dev` as processes: databases that are away, schemas that are missing, starts and stops. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningPostgres, startPostgres } from '../../src/dev/postgres.ts';
import { freePort, runProgram, startProgram } from '../support/program.ts';

let database: RunningPostgres;
const parent = mkdtempSync(join(tmpdir(), 'perdure-e2e-'));
// PostgreSQL refuses to run as root; as another user it must be able to enter.
chmodSync(parent, 0o711);
const folder = join(parent, 'data');
const temporary = join(parent, 'tmp');
mkdirSync(temporary, { mode: 0o711 });

beforeAll(async () => {
  database = await startPostgres({ dataDir: '', ephemeral: true });
}, 60_000);

afterAll(async () => {
  await database.stop();
  rmSync(parent, { recursive: true, force: true });
});

const lines = (output: string): Record<string, unknown>[] =>
  output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('without a schema the server says what to do; migrate makes it, once', async () => {
  const env = { PERDURE_DB_URL: database.url };
  const missing = await runProgram(['server', '--address', '127.0.0.1:0'], { env });
  expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('perdure migrate')]);
  const plan = await runProgram(['migrate', '--plan'], { env });
  expect([plan.code, plan.stdout]).toEqual([0, expect.stringContaining('CREATE TABLE')]);
  expect(await runProgram(['migrate'], { env })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^schema 0 → \d+\n$/),
    stderr: '',
  });
  expect(await runProgram(['migrate'], { env })).toMatchObject({ code: 0, stdout: expect.stringMatching(/nothing to do\n$/) });

  const server = startProgram(['server', '--address', '127.0.0.1:0'], { env });
  await server.until(/"serving"/);
  const address = String(lines(server.stdout()).find(({ msg }) => msg === 'listening')?.address);
  expect(await runProgram(['workflow', 'list', '--address', address])).toMatchObject({ code: 0, stdout: 'No workflows.\n' });
  const stopped = await server.end('SIGTERM');
  expect([stopped.code, lines(stopped.stdout).at(-1)?.msg, stopped.stderr]).toEqual([0, 'stopped', '']);
  expect(stopped.stdout).not.toContain(new URL(database.url).password);
});

test('a database that is away is waited for, with one line per kind of trouble', async () => {
  const port = await freePort();
  const url = `postgresql://perdure:secret@127.0.0.1:${port}/perdure`;
  const server = startProgram(['server', '--address', '127.0.0.1:0'], { env: { PERDURE_DB_URL: url } });
  await server.until(/database not available/);
  const address = String(lines(server.stdout())[0]?.address);
  const refused = await runProgram(['workflow', 'list', '--address', address]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('(DATABASE_UNAVAILABLE)')]);
  const { code, stdout } = await server.end('SIGTERM');
  expect(code).toBe(0);
  expect(lines(stdout).filter(({ msg }) => msg === 'database not available, trying again')).toHaveLength(1);
  expect(stdout).not.toContain('secret');
});

test('a lost connection is told in the log', async () => {
  const server = startProgram(['server', '--address', '127.0.0.1:0'], { env: { PERDURE_DB_URL: database.url } });
  await server.until(/"serving"/);
  const other = new pg.Client(database.url);
  await other.connect();
  await other.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'perdure-ownership'");
  await other.end();
  await server.until(/"level":"warn".*an idle connection was lost/);
  expect((await server.end('SIGTERM')).code).toBe(0);
});

test('a port in use is told in words', async () => {
  const server = startProgram(['server', '--address', '127.0.0.1:0'], { env: { PERDURE_DB_URL: database.url } });
  await server.until(/"listening"/);
  const address = String(lines(server.stdout())[0]?.address);
  const second = await runProgram(['server', '--address', address], { env: { PERDURE_DB_URL: database.url } });
  expect([second.code, second.stderr]).toEqual([1, `error: cannot listen on ${address}: the port is in use\n`]);
  expect((await server.end('SIGTERM')).code).toBe(0);
});

test('dev keeps its data over kill -9, ends everything at Ctrl-C, and guards its folder', async () => {
  const port = String(await freePort());
  const env = { PERDURE_ADDRESS: `127.0.0.1:${port}` };
  const args = ['dev', '--data-dir', folder, '--port', port];
  const first = startProgram(args);
  await first.until(/serves on/);
  expect((await runProgram(['workflow', 'start', 'order', '--task-queue', 'q', '--id', 'kept'], { env })).code).toBe(0);
  const other = await runProgram(['dev', '--data-dir', folder, '--port', String(await freePort())]);
  expect([other.code, other.stderr]).toEqual([1, expect.stringContaining(`process ${first.child.pid} uses ${folder}`)]);
  await first.end('SIGKILL');

  const second = startProgram(args);
  await second.until(/serves on/);
  expect((await runProgram(['workflow', 'describe', 'kept'], { env })).stdout).toMatch(/^status +Running$/m);
  const postmaster = Number(readFileSync(join(folder, 'pg', 'postmaster.pid'), 'utf8').split('\n')[0]);
  const begin = performance.now();
  const { code, stderr } = await second.end('SIGINT');
  expect([code, stderr]).toEqual([0, '']);
  expect(performance.now() - begin).toBeLessThan(10_000);
  expect(() => process.kill(postmaster, 0)).toThrow();
  expect(existsSync(join(folder, 'holder'))).toBe(false);
});

test('dev --ephemeral serves where the setting says and leaves nothing', async () => {
  const mine = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('perdure-'));
  const address = `127.0.0.1:${await freePort()}`;
  const dev = startProgram(['dev', '--ephemeral'], { env: { TMPDIR: temporary, PERDURE_SERVER_ADDRESS: address } });
  await dev.until(new RegExp(`serves on ${address},`));
  expect(mine()).toHaveLength(1);
  expect((await dev.end('SIGINT')).code).toBe(0);
  expect(mine()).toEqual([]);
});
