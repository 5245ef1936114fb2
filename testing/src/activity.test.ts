// One activity alone.
import { activityInfo, CancelledFailure, cancellationSignal, heartbeat, sleep } from '@perdure/sdk/activity';
import { afterAll, beforeAll, expect, expectTypeOf, test } from 'vitest';
import { TestEnvironment } from './index.ts';

let env: TestEnvironment;
beforeAll(async () => {
  env = await TestEnvironment.create();
});
afterAll(() => env.close());

interface Order {
  readonly id: string;
  readonly at: Date;
}

test('it sees what it is told of its attempt, and sensible values of the rest', async () => {
  const look = async (): Promise<unknown> => {
    const { attempt, heartbeatDetails, activityType, idempotencyKey } = activityInfo();
    return { attempt, heartbeatDetails, activityType, idempotencyKey };
  };
  const info = { attempt: 3, heartbeatDetails: { page: 7 }, activityId: 'charge-1' };
  await expect(env.runActivity(look, [], { info })).resolves.toEqual({
    attempt: 3,
    heartbeatDetails: { page: 7 },
    activityType: 'look',
    idempotencyKey: '00000000-0000-7000-8000-000000000000/charge-1',
  });
});

test('arguments and result are copies that went the way of all payloads', async () => {
  const seen: unknown[] = [];
  const take = async (order: Order): Promise<Order> => {
    seen.push(order);
    return { id: order.id, at: new Date(0) };
  };
  const order = { id: '7', at: new Date('2026-01-01T00:00:00Z') };
  const result = await env.runActivity(take, [order]);
  expectTypeOf(result).toEqualTypeOf<{ readonly id: string; readonly at: string }>();
  expect(seen).toEqual([{ id: '7', at: '2026-01-01T00:00:00.000Z' }]);
  expect(result).toEqual({ id: '7', at: '1970-01-01T00:00:00.000Z' });
});

test('what it throws comes out as it is', async () => {
  const problem = new RangeError('too much');
  const refuse = async (): Promise<void> => {
    throw problem;
  };
  await expect(env.runActivity(refuse, [])).rejects.toBe(problem);
});

test('heartbeats are heard, hours of sleep take no time', async () => {
  const poll = async (rounds: number): Promise<string> => {
    for (let round = 1; round <= rounds; round += 1) {
      heartbeat({ round });
      await sleep('1h');
    }
    return 'done';
  };
  const beats: unknown[] = [];
  const begun = env.now().getTime();
  await expect(env.runActivity(poll, [3], { onHeartbeat: (details) => beats.push(details) })).resolves.toBe('done');
  expect(beats).toEqual([{ round: 1 }, { round: 2 }, { round: 3 }]);
  expect(env.now().getTime() - begun).toBeGreaterThanOrEqual(3 * 3_600_000);
});

test('a cancel request aborts its signal, and its sleep', async () => {
  const cancel = new AbortController();
  const wait = async (): Promise<void> => {
    queueMicrotask(() => cancel.abort());
    await sleep('100 days');
  };
  await expect(env.runActivity(wait, [], { signal: cancel.signal })).rejects.toThrow(CancelledFailure);
  const aborted = AbortSignal.abort();
  await expect(env.runActivity(async () => cancellationSignal().aborted, [], { signal: aborted })).resolves.toBe(true);
});
