/** Long histories, many signals, and a run that closes under fire. */
import { Client } from '@perdure/sdk/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stage, setStage } from '../support/stage.ts';
import { closing, item, loop, progress, stop, wide } from './hard/workflows.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
}, 60_000);

afterAll(() => stage.close(), 60_000);

test('a history of 20 000 events replays in a new worker, which goes on', async () => {
  const first = await stage.worker('wide');
  const handle = await stage.client.start(wide, { ...stage.fresh('wide'), args: [5, 1_990] });
  await expect.poll(() => handle.query(progress), { timeout: 60_000 }).toBe(9_950);
  await first.end('SIGKILL');
  expect((await handle.describe()).historyLength).toBeGreaterThan(19_900);
  const second = await stage.worker('wide');
  expect(await handle.query(progress)).toBe(9_950);
  await handle.signal(stop);
  expect(await handle.result()).toBe(9_950);
  await second.end('SIGTERM');
});

test('a workflow that loops over 5 000 signals', async () => {
  const worker = await stage.worker('loop');
  const handle = await stage.client.start(loop, { ...stage.fresh('loop'), args: [5_000] });
  const values = Array.from({ length: 5_000 }, (_, index) => index);
  await Promise.all(values.slice(0, 2_500).map((value) => handle.signal(item, value)));
  await worker.end('SIGKILL');
  await Promise.all(values.slice(2_500).map((value) => handle.signal(item, value)));
  await stage.worker('loop');
  expect(await handle.result()).toBe((4_999 * 5_000) / 2);
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
