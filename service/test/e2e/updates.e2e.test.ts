/** Updates and signal-with-start between processes: client, service and workers. */
import { fileURLToPath } from 'node:url';
import { Client } from '@perdure/sdk/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Finished, freePort, type Program, runProgram, startNode, startProgram } from '../support/program.ts';
import { add, finish, held, ledger, put, release, spoil } from './sdk/updates.ts';

const WORKER = fileURLToPath(new URL('./sdk/worker.ts', import.meta.url));
const QUEUE = 'updates-e2e';

let address: string;
let dev: Program;
let worker: Program;
let client: Client;
let ids = 0;

const startWorker = (queue: string): Program => startNode([WORKER, address, queue, './updates.ts']);
const options = (taskQueue = QUEUE) => ({ workflowId: `updates-${++ids}`, taskQueue });

beforeAll(async () => {
  const port = await freePort();
  address = `127.0.0.1:${port}`;
  dev = startProgram(['dev', '--ephemeral', '--port', String(port)]);
  await dev.until(/serves on/);
  worker = startWorker(QUEUE);
  client = new Client({ address });
}, 60_000);

afterAll(async () => {
  client.close();
  const { code } = await worker.end('SIGTERM');
  await dev.end('SIGINT');
  expect(code).toBe(0);
}, 60_000);

test('R-UPDATE-1: answered by the handler, many at once, each in the order it came', async () => {
  const handle = await client.start(ledger, options());
  expect(await handle.executeUpdate(put, { args: [1] })).toBe(1);
  const sums: number[] = [];
  for (let value = 2; value <= 6; value += 1) sums.push(await handle.executeUpdate(put, { args: [value] }));
  expect(sums).toEqual([3, 6, 10, 15, 21]);
  // Ten may be in flight: what is more is sent again by the client.
  const many = await Promise.all(Array.from({ length: 30 }, () => handle.executeUpdate(put, { args: [1] })));
  expect(many.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, at) => 22 + at));
  await handle.signal(finish);
  expect(await handle.result()).toHaveLength(36);
}, 30_000);

test('R-UPDATE-2 R-UPDATE-11: what validator and handler throw comes back, by different classes', async () => {
  const handle = await client.start(ledger, options());
  await expect(handle.executeUpdate(put, { args: [-1] })).rejects.toMatchObject({
    name: 'WorkflowUpdateRejectedError',
    workflowId: handle.workflowId,
    cause: { type: 'RangeError', message: 'only positive values' },
  });
  await expect(handle.startUpdate(put, { args: [-1] })).rejects.toMatchObject({ name: 'WorkflowUpdateRejectedError' });
  await expect(handle.executeUpdate(put, { args: [13] })).rejects.toMatchObject({
    name: 'WorkflowUpdateFailedError',
    cause: { type: 'Unlucky', details: [13] },
  });
  await expect(handle.executeUpdate('nothing')).rejects.toThrow('no handler for update "nothing" (known: held, put)');
  const { events } = await handle.fetchHistory();
  expect(events.filter(({ attributes }) => attributes?.$case === 'updateAccepted')).toHaveLength(1);
  await handle.terminate();
});

test('R-UPDATE-8: an accepted update outlives its worker, and is found by its id', async () => {
  const first = startWorker('updates-killed');
  const handle = await client.start(ledger, options('updates-killed'));
  const update = await handle.startUpdate(held, { updateId: 'mine' });
  await first.end('SIGKILL');
  const second = startWorker('updates-killed');
  await handle.signal(release);
  expect(await client.getHandle(handle.workflowId).getUpdateHandle<string>('mine').result()).toBe('released');
  expect(await update.result()).toBe('released');
  await expect(handle.getUpdateHandle('other').result()).rejects.toMatchObject({ reason: 'UPDATE_NOT_FOUND' });
  await handle.terminate();
  await second.end('SIGTERM');
}, 60_000);

test('R-SWS-1 R-SWS-2: an update and a signal start the run they are for, once', async () => {
  const start = options();
  const put5 = { ...start, update: put, updateArgs: [5] as [number], updateId: 'five' };
  const update = await client.startUpdateWithStart(ledger, put5);
  const again = await client.startUpdateWithStart(ledger, put5);
  expect([update.started, await update.result(), again.started, again.runId]).toEqual([true, 5, false, update.runId]);
  const handle = await client.signalWithStart(ledger, { ...start, signal: add, signalArgs: [2] });
  expect([handle.started, handle.runId]).toEqual([false, update.runId]);
  await handle.signal(finish);
  expect(await handle.result()).toEqual([5, 2]);
  const next = await client.signalWithStart(ledger, { ...start, signal: add, signalArgs: [3] });
  expect(next.started).toBe(true);
  await next.signal(finish);
  expect(await next.result()).toEqual([3]);
  await expect(
    client.startUpdateWithStart(ledger, { ...options(), update: put, updateArgs: [-1] }),
    'one that the new run rejects',
  ).rejects.toMatchObject({ name: 'WorkflowUpdateRejectedError' });
});

test('a paused run takes updates when it is resumed', async () => {
  const handle = await client.start(ledger, options());
  await handle.executeUpdate(put, { args: [1] });
  await handle.pause('look at it');
  let told = false;
  const update = handle.executeUpdate(put, { args: [2] }).finally(() => (told = true));
  // A query is answered by the same worker, while nothing of the run is given out.
  expect(await handle.query('sum')).toBe(1);
  expect(told).toBe(false);
  await handle.resume('seen');
  expect(await update).toBe(3);
  await handle.terminate();
});

test('R-UPDATE-7: a blocked run refuses updates at once, saying why', async () => {
  const handle = await client.start(ledger, options());
  await handle.executeUpdate(put, { args: [1] });
  await handle.signal(spoil);
  await expect.poll(async () => (await handle.describe()).raw.blocked?.failure?.message, { timeout: 15_000 }).toBe('spoiled');
  await expect(handle.executeUpdate(put, { args: [1] })).rejects.toMatchObject({
    reason: 'RUN_BLOCKED',
    message: expect.stringContaining('spoiled'),
  });
  await handle.terminate();
}, 30_000);

test('R-UPDATE-6: a run that has closed, or closes, says so', async () => {
  const handle = await client.start(ledger, options());
  const update = await handle.startUpdate(held);
  const waits = expect(update.result()).rejects.toMatchObject({ name: 'WorkflowNotFoundError', reason: 'WORKFLOW_CLOSED' });
  await handle.terminate();
  await waits;
  await expect(handle.executeUpdate(put, { args: [1] })).rejects.toMatchObject({
    name: 'WorkflowNotFoundError',
    reason: 'WORKFLOW_CLOSED',
  });
  await expect(client.getHandle('nobody').executeUpdate('put')).rejects.toMatchObject({ reason: 'WORKFLOW_NOT_FOUND' });
});

test('from the command line', async () => {
  const env = { PERDURE_ADDRESS: address };
  const workflow = (...args: string[]): Promise<Finished> => runProgram(['workflow', ...args], { env });
  const id = `updates-${++ids}`;
  const begun = await workflow(
    'signal-with-start',
    'ledger',
    'add',
    '--id',
    id,
    '--task-queue',
    QUEUE,
    '--signal-input',
    '1',
    '-o',
    'json',
  );
  expect([begun.code, JSON.parse(begun.stdout)]).toMatchObject([0, { workflowId: id, started: true }]);
  const again = await workflow('signal-with-start', 'ledger', 'add', '--id', id, '--task-queue', QUEUE, '--signal-input', '2');
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('Signaled the open run.')]);
  expect(await workflow('update', id, 'put', '--input', '4')).toMatchObject({ code: 0, stdout: '7\n' });
  const rejected = await workflow('update', id, 'put', '--input', '-4', '--update-id', 'wrong');
  expect([rejected.code, rejected.stderr]).toEqual([1, 'error: update wrong was rejected: RangeError: only positive values\n']);
  const failed = await workflow('update', id, 'put', '--input', '13', '--update-id', 'unlucky');
  expect([failed.code, failed.stderr]).toEqual([1, 'error: update unlucky failed: Unlucky: not 13\n']);
  const accepted = await workflow('update', id, 'held', '--update-id', 'h', '--wait', 'accepted', '-o', 'json');
  expect([accepted.code, JSON.parse(accepted.stdout)]).toMatchObject([0, { updateId: 'h', accepted: true }]);
  const held = workflow('update', id, 'held', '--update-id', 'h', '-o', 'json');
  await workflow('signal', id, 'release');
  expect(JSON.parse((await held).stdout)).toMatchObject({ updateId: 'h', result: 'released' });
  await client.getHandle(id).terminate();
}, 60_000);
