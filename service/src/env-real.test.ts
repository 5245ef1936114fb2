import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createIdMaker, createRealEnv } from './env-real.ts';

const DAY = 86_400_000;

test('ids are UUIDv7 in lower case, unique and growing, with the time in front', () => {
  const newId = createIdMaker(() => 1_700_000_000_000);
  const ids = Array.from({ length: 20_000 }, newId);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
  for (const id of ids.slice(0, 100)) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(ids[0]?.replaceAll('-', '').slice(0, 12) ?? '', 16)).toBe(1_700_000_000_000);
});

test('a clock that steps back does not make ids smaller', () => {
  let now = 1_700_000_000_000;
  const newId = createIdMaker(() => now);
  const before = newId();
  now -= 5_000;
  const after = newId();
  expect(after > before).toBe(true);
});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a timer longer than setTimeout can take fires once, at its time', () => {
  const fired: number[] = [];
  const env = createRealEnv();
  const start = Date.now();
  env.setTimer(60 * DAY, () => fired.push(Date.now() - start));
  vi.advanceTimersByTime(60 * DAY - 1);
  expect(fired).toEqual([]);
  vi.advanceTimersByTime(61 * DAY);
  expect(fired).toEqual([60 * DAY]);
});

test('a chained timer can be canceled in a later leg', () => {
  const run = vi.fn();
  const timer = createRealEnv().setTimer(60 * DAY, run);
  vi.advanceTimersByTime(30 * DAY);
  timer.cancel();
  timer.cancel();
  vi.advanceTimersByTime(60 * DAY);
  expect(run).not.toHaveBeenCalled();
});

test('0 and negative waits run soon, and can be canceled', () => {
  const order: string[] = [];
  const env = createRealEnv();
  env.setTimer(0, () => order.push('zero'));
  env.setTimer(-5, () => order.push('past'));
  env.setTimer(0, () => order.push('canceled')).cancel();
  order.push('now');
  vi.runAllTimers();
  expect(order).toEqual(['now', 'zero', 'past']);
});
