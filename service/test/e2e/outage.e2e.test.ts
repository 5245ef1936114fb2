/** The database goes away under a running service, and comes back. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@perdure/sdk/client';
import { afterAll, expect, test, vi } from 'vitest';
import { startPostgres } from '../../src/dev/postgres.ts';
import { freePort, runProgram, startNode, startProgram } from '../support/program.ts';
import { item, loop, progress } from './hard/workflows.ts';

const WORKER = fileURLToPath(new URL('./hard/worker.ts', import.meta.url));
const parent = mkdtempSync(join(tmpdir(), 'perdure-outage-'));
// PostgreSQL refuses to run as root; as another user it must be able to enter.
chmodSync(parent, 0o711);
const patience = { timeout: 60_000, interval: 50 };

afterAll(() => rmSync(parent, { recursive: true, force: true }));

test('calls say so while it is away; what was acknowledged is there when it is back, and runs go on by themselves', async () => {
  const port = await freePort();
  const dataDir = join(parent, 'server');
  mkdirSync(dataDir, { mode: 0o711 });
  let database = await startPostgres({ dataDir, port });
  const env = { PERDURE_DB_URL: database.url };
  expect((await runProgram(['migrate'], { env })).code).toBe(0);
  const address = `127.0.0.1:${await freePort()}`;
  const server = startProgram(['server', '--address', address], { env });
  await server.until(/"serving"/);
  const worker = startNode([WORKER, address, 'outage', 'workflows.ts']);
  const client = new Client({ address });
  const handle = await client.start(loop, { workflowId: 'loop', taskQueue: 'outage', args: [100] });
  for (let value = 0; value < 50; value += 1) await handle.signal(item, value);
  await vi.waitUntil(async () => (await handle.query(progress)) === 1_225, patience);

  await database.stop();
  const execution = { workflowId: 'loop', runId: '' };
  const asked = (): Promise<unknown> =>
    client.api.describeWorkflow({ namespace: '', execution }).then(
      () => undefined,
      (error: { reason: string }) => error.reason,
    );
  const signal = { namespace: '', execution, signalName: 'item', input: [], header: undefined, requestId: '', identity: '' };
  await expect(client.api.signalWorkflow(signal)).rejects.toMatchObject({ code: 14, reason: expect.stringMatching(/UNAVAILABLE$/) });
  await vi.waitUntil(async () => (await asked()) === 'DATABASE_UNAVAILABLE', patience);
  const refused = await runProgram(['workflow', 'list', '--address', address]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('(DATABASE_UNAVAILABLE)')]);
  // The client tries until the database is back.
  const sent = Promise.all(Array.from({ length: 50 }, (_, index) => handle.signal(item, 50 + index)));

  database = await startPostgres({ dataDir, port });
  await sent;
  expect(await handle.result()).toBe(4_950);
  expect(server.child.exitCode).toBeNull();
  client.close();
  expect((await worker.end('SIGTERM')).code).toBe(0);
  const { code, stdout } = await server.end('SIGTERM');
  expect([code, stdout]).toEqual([0, expect.stringContaining('serving again')]);
  await database.stop();
}, 120_000);

test('perdure dev ends with a word when its own PostgreSQL has ended, and goes on when it is started again', async () => {
  const port = String(await freePort());
  const dataDir = join(parent, 'dev');
  const env = { PERDURE_ADDRESS: `127.0.0.1:${port}` };
  const dev = startProgram(['dev', '--data-dir', dataDir, '--port', port]);
  await dev.until(/serves on/);
  expect((await runProgram(['workflow', 'start', 'order', '--task-queue', 'q', '--id', 'kept'], { env })).code).toBe(0);
  process.kill(Number(readFileSync(join(dataDir, 'pg', 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL');
  const { code, stderr } = await dev.finished;
  expect([code, stderr]).toEqual([1, expect.stringMatching(/error: PostgreSQL has ended \(its log: .*pg\.log\); start perdure dev again/)]);

  const again = startProgram(['dev', '--data-dir', dataDir, '--port', port]);
  await again.until(/serves on/);
  expect((await runProgram(['workflow', 'describe', 'kept'], { env })).stdout).toMatch(/^status +Running$/m);
  expect((await again.end('SIGINT')).code).toBe(0);
}, 60_000);
