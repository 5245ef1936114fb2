import { expect, test } from 'vitest';
import { pause, realClock } from './clock.ts';

test('ids are version 7 UUIDs of this moment, all different', () => {
  const before = Date.now();
  const ids = Array.from({ length: 1_000 }, () => realClock.newId());
  const after = Date.now();
  expect(new Set(ids).size).toBe(1_000);
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const time = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(after);
  }
});

test('a timer longer than Node allows does not fire at once, and can be cancelled', async () => {
  let fired = false;
  const timer = realClock.setTimer(2 ** 40, () => (fired = true));
  await new Promise<void>((resolve) => realClock.setTimer(5, resolve));
  expect(fired).toBe(false);
  timer.cancel();
});

test('a pause ends early when aborted', async () => {
  const abort = new AbortController();
  const paused = pause(realClock, 3_600_000, abort.signal);
  abort.abort();
  await paused;
});
