/** Client, service and workers as real processes: what users of the SDK rely on. */
import { fileURLToPath } from 'node:url';
import { Client } from '@perdure/sdk/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort, type Program, startNode, startProgram } from '../support/program.ts';
import { add, cancellable, collector, finish, greeting, patient, refused, resumes, sleeper, sum, tooLarge } from './sdk/workflows.ts';

const WORKER = fileURLToPath(new URL('./sdk/worker.ts', import.meta.url));
const QUEUE = 'sdk-e2e';

let address: string;
let dev: Program;
let worker: Program;
let client: Client;
let ids = 0;

const startWorker = (queue = QUEUE): Program => startNode([WORKER, address, queue]);
const options = () => ({ workflowId: `sdk-${++ids}`, taskQueue: QUEUE });

beforeAll(async () => {
  const port = await freePort();
  address = `127.0.0.1:${port}`;
  // The worker comes first: it must wait for the service.
  worker = startWorker();
  await worker.until(/cannot take calls/);
  dev = startProgram(['dev', '--ephemeral', '--port', String(port)]);
  await dev.until(/serves on/);
  client = new Client({ address });
}, 60_000);

afterAll(async () => {
  client.close();
  const { code } = await worker.end('SIGTERM');
  await dev.end('SIGINT');
  expect(code).toBe(0);
}, 60_000);

test('a workflow runs an activity and returns its result', async () => {
  expect(await client.execute(greeting, { ...options(), args: ['Ada'] })).toBe('Hello, Ada!');
});

test('many at once', async () => {
  const names = Array.from({ length: 300 }, (_, index) => `n${index}`);
  const results = await Promise.all(names.map((name) => client.execute(greeting, { ...options(), args: [name] })));
  expect(results).toEqual(names.map((name) => `Hello, ${name}!`));
});

test('signals arrive in order, queries see them, variables show in describe', async () => {
  const handle = await client.start(collector, options());
  const values = Array.from({ length: 50 }, (_, index) => index);
  await Promise.all(values.map((value) => handle.signal(add, value)));
  expect(await handle.query(sum)).toBe(1_225);
  await expect.poll(async () => (await handle.describe()).variables).toEqual({ count: 50 });
  await handle.signal(finish);
  expect(await handle.result()).toEqual({ values, sum: 1_225 });
  // R-QUERY-4: closed runs answer too, from their history.
  expect(await handle.query(sum)).toBe(1_225);
  await expect(handle.signal(add, 1)).rejects.toMatchObject({ name: 'WorkflowNotFoundError', reason: 'WORKFLOW_CLOSED' });
  await expect(handle.query('nothing')).rejects.toThrow(/no handler for query "nothing".*sum/);
});

test('activities are retried; refusals come back with type and details', async () => {
  expect(await client.execute(patient, options())).toBe(3);
  await expect(client.execute(refused, options())).rejects.toMatchObject({
    name: 'WorkflowFailedError',
    status: 'Failed',
    cause: { name: 'ActivityFailure', activityType: 'refuse', cause: { type: 'Refused', message: 'no', details: [{ reason: 'no' }] } },
  });
  await expect(client.execute(tooLarge, options())).rejects.toMatchObject({
    cause: { cause: { type: 'TOO_LARGE', message: expect.stringMatching(/result of activity twoMebibytes takes \d+ bytes/) } },
  });
});

test('cancelling a run reaches its running activity', async () => {
  const handle = await client.start(cancellable, options());
  await expect.poll(async () => (await handle.describe()).pendingActivities[0]?.state, { timeout: 5_000 }).toBe('started');
  await handle.cancel('enough');
  expect(await handle.result()).toBe('cleaned up');
});

test('starting twice and terminating', async () => {
  const given = options();
  const handle = await client.start(sleeper, { ...given, args: [3_600_000] });
  await expect(client.start(sleeper, { ...given, args: [1] })).rejects.toMatchObject({
    name: 'WorkflowAlreadyStartedError',
    runId: handle.runId,
  });
  const same = await client.start(sleeper, { ...given, args: [1], conflictPolicy: 'useExisting' });
  expect(same.runId).toBe(handle.runId);
  await handle.terminate('done with it');
  await expect(handle.result()).rejects.toMatchObject({ status: 'Terminated', cause: { message: 'done with it' } });
  await expect(client.getHandle('nobody').describe()).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
});

test('list, count and history', async () => {
  const handle = await client.start(greeting, { ...options(), args: ['Eve'], memo: { note: 'n' }, searchAttributes: {} });
  await handle.result();
  const filter = `WorkflowId = '${handle.workflowId}'`;
  const listed = [];
  for await (const run of client.list({ filter })) listed.push(run);
  expect(listed).toMatchObject([{ runId: handle.runId, status: 'Completed', type: 'greeting', memo: { note: 'n' } }]);
  expect(await client.count(filter)).toBe(1);
  await expect(client.count('Colour = 1')).rejects.toMatchObject({ reason: 'BAD_FILTER' });
  const { events } = await handle.fetchHistory();
  expect(events.map((event) => event.attributes?.$case)).toEqual([
    'workflowStarted',
    'workflowTaskCompleted',
    'activityScheduled',
    'activityCompleted',
    'workflowTaskCompleted',
    'workflowCompleted',
  ]);
});

test('a worker that stops hands its activity to another, with the details it reported', async () => {
  const queue = 'handed-over';
  const first = startWorker(queue);
  const handle = await client.start(resumes, { ...options(), taskQueue: queue });
  await expect
    .poll(async () => (await handle.describe()).pendingActivities[0]?.heartbeatDetails, { timeout: 15_000 })
    .toEqual({ count: 3 });
  const { code } = await first.end('SIGTERM');
  expect(code).toBe(0);
  const second = startWorker(queue);
  expect(await handle.result()).toEqual({ count: 3 });
  await second.end('SIGTERM');
});

test('a killed worker costs nothing but time: the run goes on in another', async () => {
  const queue = 'killed';
  const first = startWorker(queue);
  const handle = await client.start(collector, { ...options(), taskQueue: queue });
  await handle.signal(add, 1);
  await expect.poll(async () => (await handle.describe()).variables.count, { timeout: 15_000 }).toBe(1);
  await first.end('SIGKILL');
  await handle.signal(add, 2);
  const second = startWorker(queue);
  await handle.signal(finish);
  expect(await handle.result()).toEqual({ values: [1, 2], sum: 3 });
  await second.end('SIGTERM');
}, 60_000);
