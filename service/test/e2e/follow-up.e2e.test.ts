/** R-TASK-9: activities one after the other, by a worker that goes on by itself and by one that cannot because it keeps no run. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Stage, setStage } from '../support/stage.ts';
import { inRow, item } from './hard/workflows.ts';

const patience = { timeout: 60_000, interval: 20 };
const ms = (time: { seconds: bigint; nanos: number } | undefined): number => Number(time?.seconds) * 1_000 + (time?.nanos ?? 0) / 1e6;

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
  await stage.worker('keeps');
  await stage.worker('forgets', 'workflows.ts', { cacheBytes: 1 });
}, 60_000);

afterAll(() => stage.close(), 60_000);

async function fiveInRow(queue: string) {
  const handle = await stage.client.start(inRow, { ...stage.fresh(queue), args: [5, 0] });
  await handle.result();
  const { events } = await handle.fetchHistory();
  let [ends, together, clock] = [0, 0, 0];
  const lines = events.map(({ id, time, attributes }, index) => {
    if (attributes?.$case !== 'workflowTaskCompleted') return `${id} ${attributes?.$case}`;
    // Both events of a follow-up are written in one step.
    ends += 1;
    if (ms(time) === ms(events[index - 1]?.time)) together += 1;
    const started = ms(attributes.value.startedTime);
    expect(started).toBeGreaterThanOrEqual(clock);
    expect(started).toBeLessThanOrEqual(ms(time));
    clock = started;
    return `${id} ${attributes.$case} seen=${attributes.value.seenEventId}`;
  });
  return { lines, ends, together };
}

test('the history of five activities in a row is what it is without follow-ups', async () => {
  const [kept, forgotten] = await Promise.all([fiveInRow('keeps'), fiveInRow('forgets')]);
  const step = (at: number): string[] => [`${at} activityCompleted`, `${at + 1} workflowTaskCompleted seen=${at}`];
  const begin = ['1 workflowStarted', '2 workflowTaskCompleted seen=1', '3 activityScheduled'];
  const middle = [4, 7, 10, 13].flatMap((at) => [...step(at), `${at + 2} activityScheduled`]);
  expect(kept.lines).toEqual([...begin, ...middle, ...step(16), '18 workflowCompleted']);
  expect(forgotten.lines).toEqual(kept.lines);
  expect([kept.ends, kept.together > 0]).toEqual([6, true]);
});

test('R-SIGNAL-1: a signal that arrives during an activity is seen after it', async () => {
  const handle = await stage.client.start(inRow, { ...stage.fresh('keeps'), args: [4, 500] });
  await vi.waitUntil(async () => {
    const [activity] = (await handle.describe()).pendingActivities;
    return activity?.activityId === '2' && activity.state === 'started';
  }, patience);
  await handle.signal(item, 7);
  expect(await handle.result()).toEqual([[], [7], [7], [7]]);
  const kinds = (await handle.fetchHistory()).events.map(({ attributes }) => attributes?.$case);
  expect(kinds.filter((kind) => kind === 'workflowSignaled')).toHaveLength(1);
  expect(kinds.filter((kind) => kind === 'activityCompleted')).toHaveLength(4);
});
