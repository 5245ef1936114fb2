/** What users do with runs that is neither plain nor wrong: before the worker, twice, too late, with limits. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runProgram } from '../support/program.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { closing, item, runOne, stop, talkative } from './hard/workflows.ts';

const patience = { timeout: 60_000, interval: 50 };
let stage: Stage;
/** What a query without a worker is told: asked before the first test, answered long after. */
let unanswered: Promise<unknown>;

beforeAll(async () => {
  stage = await setStage();
  await stage.worker('runs');
  unanswered = askNobody();
  unanswered.catch(() => {});
}, 60_000);

async function askNobody(): Promise<unknown> {
  const handle = await stage.client.start(closing, stage.fresh('lost'));
  const worker = await stage.worker('lost');
  await handle.signal(item, 1);
  await vi.waitUntil(async () => (await handle.describe()).historyLength > 2, patience);
  await worker.end('SIGKILL');
  return await handle.query('progress');
}

afterAll(() => stage.close(), 60_000);

/** A UUIDv7. */
function requestId(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

test('a worker that comes after the workflow runs it; until then describe says that nobody polls', async () => {
  const handle = await stage.client.start(closing, stage.fresh('later'));
  await handle.signal(item, 1);
  expect((await handle.describe()).notes.join()).toMatch(/no worker.*"later"/);
  await stage.worker('later');
  await handle.signal(stop);
  expect(await handle.result()).toBe(1);
});

test('answers of queries over the limit are refused in words, and harm no other query', async () => {
  const handle = await stage.client.start(talkative, stage.fresh('runs'));
  const sizes = [10, 3_000_000, 1_500_000, 1_500_000, 1_500_000, 20];
  const answers = await Promise.allSettled(sizes.map((size) => handle.query<string, [number]>('say', size)));
  const lengths = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.length : String(answer.reason)));
  expect([lengths[0], lengths[5]]).toEqual([10, 20]);
  expect(lengths[1]).toMatch(/the answer of query say takes 3000002 bytes, the limit is 2097152/);
  for (const length of lengths.slice(2, 5)) expect(String(length)).toMatch(/^1500000$|did not fit beside others; ask again/);
  expect(lengths.slice(2, 5)).toContain(1_500_000);
  await handle.signal(stop);
  await handle.result();
});

test('the run timeout closes the run and stops its activity', async () => {
  const handle = await stage.client.start(runOne, {
    ...stage.fresh('runs'),
    args: ['slow', [60_000], { startToCloseTimeout: '2m' }],
    runTimeout: '1s',
  });
  await expect(handle.result()).rejects.toMatchObject({ name: 'WorkflowFailedError', status: 'TimedOut' });
  expect((await handle.describe()).pendingActivities).toEqual([]);
  await expect(handle.signal(item, 1)).rejects.toMatchObject({ reason: 'WORKFLOW_CLOSED' });
});

test('a start delay holds the code back; a signal does not wake it', async () => {
  const handle = await stage.client.start(closing, { ...stage.fresh('runs'), startDelay: '2s' });
  await handle.signal(item, 1);
  await handle.signal(stop);
  expect(await handle.result()).toBe(1);
  const { events } = await handle.fetchHistory();
  const times = events.map(({ time }) => Number(time?.seconds) * 1_000 + Number(time?.nanos) / 1e6);
  const task = events.findIndex((event) => event.attributes?.$case === 'workflowTaskCompleted');
  expect((times[task] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(2_000);
});

test('a cancel request before the first task is not lost', async () => {
  const handle = await stage.client.start(closing, stage.fresh('cancelled first'));
  await handle.cancel('never mind');
  await handle.cancel('really');
  await stage.worker('cancelled first');
  await expect(handle.result()).rejects.toMatchObject({ status: 'Canceled' });
});

test('the same request id starts once, also when both come at once and after the run has closed', async () => {
  const options = { ...stage.fresh('runs'), requestId: requestId() };
  const [first, second] = await Promise.all([1, 2].map(() => stage.client.start(closing, options)));
  expect(first?.runId).toBe(second?.runId);
  await first?.signal(stop);
  await first?.result();
  expect((await stage.client.start(closing, options)).runId).toBe(first?.runId);
  const next = await stage.client.start(closing, { ...options, requestId: requestId() });
  expect(next.runId).not.toBe(first?.runId);
  await expect(stage.client.start(closing, { ...options, requestId: requestId() })).rejects.toMatchObject({ runId: next.runId });
  await next.terminate();
});

test('filters find runs by every field; a page token goes with its filter', async () => {
  const begin = new Date().toISOString();
  const ids = ['b', 'c', 'd'].map((letter) => `filter ${letter}'"%_\\ ü`);
  const handles = await Promise.all(ids.map((workflowId) => stage.client.start(closing, { workflowId, taskQueue: 'runs' })));
  await handles[0]?.signal(stop);
  await handles[0]?.result();
  const found = async (filter: string): Promise<string[]> => {
    const runs: string[] = [];
    for await (const run of stage.client.list({ filter, pageSize: 1 })) runs.push(run.workflowId);
    expect(await stage.client.count(filter)).toBe(runs.length);
    return runs.sort();
  };
  const mine = "WorkflowId STARTS_WITH 'filter '";
  expect(await found(mine)).toEqual(ids);
  expect(await found(`${mine} AND Status = 'Running'`)).toEqual(ids.slice(1));
  expect(await found(`${mine} AND Status IN ('Completed', 'Failed')`)).toEqual(ids.slice(0, 1));
  expect(await found(`${mine} AND NOT (Status = 'Running') AND CloseTime >= '${begin}'`)).toEqual(ids.slice(0, 1));
  expect(await found(`WorkflowId = 'filter c''"%_\\ ü' AND TaskQueue = 'runs' AND WorkflowType = 'closing'`)).toEqual(ids.slice(1, 2));
  expect(await found(`RunId = '${handles[2]?.runId}' OR StartTime < '2000-01-01T00:00:00Z'`)).toEqual(ids.slice(2));
  expect(await found("WorkflowId STARTS_WITH 'filter %'")).toEqual([]);
  const page = await stage.client.api.listWorkflows({ namespace: '', filter: mine, pageSize: 1, pageToken: new Uint8Array() });
  const other = { namespace: '', filter: '', pageSize: 1, pageToken: page.nextPageToken };
  await expect(stage.client.api.listWorkflows(other)).rejects.toMatchObject({ reason: 'BAD_TOKEN' });
  await Promise.all(handles.slice(1).map((handle) => handle.terminate()));
});

test('pieces from outside: odd ids go through the CLI unharmed', async () => {
  const workflowId = 'we\'ird "id" \\ ü ☃ 𝒳\n\ttab';
  const handle = await stage.client.start(closing, { workflowId, taskQueue: 'runs' });
  const env = { PERDURE_ADDRESS: stage.address };
  const shown = await runProgram(['workflow', 'describe', workflowId, '-o', 'json'], { env });
  expect([shown.stderr, (JSON.parse(shown.stdout) as { workflowId: string }).workflowId]).toEqual(['', workflowId]);
  // One line per run, whatever its id holds.
  const table = await runProgram(['workflow', 'list', '--filter', `RunId = '${handle.runId}'`], { env });
  expect(table.stdout.trimEnd().split('\n')).toHaveLength(2);
  await handle.signal(stop);
  expect(await handle.result()).toBe(0);
});

test('a query without a worker is answered with the name of the queue, and needs a first task', async () => {
  await expect(unanswered).rejects.toMatchObject({
    reason: 'QUERY_UNANSWERED',
    message: expect.stringMatching(/no worker.*"lost"|worker.*"lost"/),
  });
});
