/** Runs at the limits: long logs, many signals, many activities, and a run that closes under fire. */
import { Client } from '@perdure/sdk/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_PENDING_ACTIVITIES, MAX_SIGNALS, SUGGEST_CONTINUE_EVENTS } from '../../src/core/limits.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { advised, closing, crowd, heeding, item, loop, progress, stop, stubborn } from './hard/workflows.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
}, 60_000);

afterAll(() => stage.close(), 60_000);

/** Of the longest log; the limit is 51 200. */
const EVENTS = 50_000;

test(`a log of ${EVENTS} events replays in a new worker, which goes on`, async () => {
  const first = await stage.worker('stubborn');
  const handle = await stage.client.start(stubborn, { ...stage.fresh('stubborn'), args: [EVENTS] });
  await expect.poll(async () => (await handle.describe()).historyLength, { timeout: 90_000, interval: 200 }).toBeGreaterThanOrEqual(EVENTS);
  const done = await handle.query(progress);
  const at = await handle.query(advised);
  expect(at).toBeGreaterThanOrEqual(SUGGEST_CONTINUE_EVENTS);
  await first.end('SIGKILL');
  const second = await stage.worker('stubborn');
  expect([await handle.query(progress), await handle.query(advised)]).toEqual([done, at]);
  await handle.signal(stop);
  expect(await handle.result()).toBe(done);
  await second.end('SIGTERM');
});

test('a run that heeds the advice continues as new, again and again', async () => {
  const worker = await stage.worker('heeding');
  const handle = await stage.client.start(heeding, { ...stage.fresh('heeding'), args: [6_000] });
  const lengths = await handle.result();
  expect(lengths.length).toBeGreaterThanOrEqual(2);
  // Advised by the first task from the limit on: a round later at most.
  for (const length of lengths) {
    expect(length).toBeGreaterThanOrEqual(SUGGEST_CONTINUE_EVENTS);
    expect(length).toBeLessThan(SUGGEST_CONTINUE_EVENTS + 1_000);
  }
  const runs = [];
  for (let runId: string | undefined = handle.runId; runId !== undefined; runId = runs.at(-1)?.newRunId) {
    runs.push(await stage.client.getHandle(handle.workflowId, runId).describe());
  }
  expect(runs.map(({ status }) => status)).toEqual([...lengths.map(() => 'ContinuedAsNew'), 'Completed']);
  await worker.end('SIGTERM');
});

test(`a workflow that loops over ${MAX_SIGNALS} signals; one more is refused`, async () => {
  const worker = await stage.worker('loop');
  const handle = await stage.client.start(loop, { ...stage.fresh('loop'), args: [MAX_SIGNALS] });
  const values = Array.from({ length: MAX_SIGNALS }, (_, index) => index);
  const half = MAX_SIGNALS / 2;
  await Promise.all(values.slice(0, half).map((value) => handle.signal(item, value)));
  await worker.end('SIGKILL');
  await Promise.all(values.slice(half).map((value) => handle.signal(item, value)));
  await expect(handle.signal(item, -1)).rejects.toMatchObject({
    reason: 'LIMIT_REACHED',
    message: expect.stringMatching(`${MAX_SIGNALS}, the limit is ${MAX_SIGNALS}`),
    metadata: { field: 'signals', size: String(MAX_SIGNALS), limit: String(MAX_SIGNALS) },
  });
  await stage.worker('loop');
  expect(await handle.result()).toBe(((MAX_SIGNALS - 1) * MAX_SIGNALS) / 2);
});

test(`${MAX_PENDING_ACTIVITIES} activities at once; one more blocks the run until there is room`, async () => {
  await stage.worker('crowd');
  const args: [number, string] = [MAX_PENDING_ACTIVITIES, 'crowd-work'];
  const handle = await stage.client.start(crowd, { ...stage.fresh('crowd'), args });
  const patience = { timeout: 60_000, interval: 200 };
  await expect.poll(async () => (await handle.describe()).pendingActivities.length, patience).toBe(MAX_PENDING_ACTIVITIES);
  await handle.signal(item, -1);
  await expect.poll(async () => (await handle.describe()).blocked?.cause, patience).toBe('BAD_COMMAND');
  const { blocked, pendingActivities } = await handle.describe();
  const over = `${MAX_PENDING_ACTIVITIES + 1} open activities, the limit is ${MAX_PENDING_ACTIVITIES}`;
  expect(blocked?.failure?.message).toMatch(over);
  expect(pendingActivities).toHaveLength(MAX_PENDING_ACTIVITIES);
  await stage.worker('crowd-work', '');
  expect(await handle.result()).toBe(MAX_PENDING_ACTIVITIES + 1);
  expect((await handle.describe()).blocked).toBeUndefined();
});

test('a run that wants to close under a storm of signals closes; every acknowledged signal was seen, the rest refused', async () => {
  await stage.worker('storm');
  const handle = await stage.client.start(closing, stage.fresh('storm'));
  const clients = Array.from({ length: 3 }, () => new Client({ address: stage.address }));
  let acknowledged = 0;
  const refusals: unknown[] = [];
  const fire = async (client: Client): Promise<void> => {
    const same = client.getHandle(handle.workflowId, handle.runId);
    for (;;) {
      const sent = await Promise.allSettled(Array.from({ length: 20 }, () => same.signal(item, 1)));
      const refused = sent.filter((each) => each.status === 'rejected');
      acknowledged += sent.length - refused.length;
      refusals.push(...refused.map((each) => each.reason));
      if (refused.length > 0) return;
    }
  };
  const storm = Promise.all(clients.map(fire));
  await expect.poll(() => acknowledged, { interval: 5, timeout: 30_000 }).toBeGreaterThan(1_500);
  await handle.signal(stop);
  const seen = await handle.result();
  await storm;
  for (const client of clients) client.close();
  const { events } = await handle.fetchHistory();
  const recorded = events.filter((event) => event.attributes?.$case === 'workflowSignaled').length;
  expect([seen, recorded]).toEqual([acknowledged, acknowledged + 1]);
  for (const refusal of refusals) expect(refusal).toMatchObject({ name: 'WorkflowNotFoundError', reason: 'WORKFLOW_CLOSED' });
});
