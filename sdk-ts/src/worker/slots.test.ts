import { expect, test } from 'vitest';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { createRatedSlots } from './slots.ts';

/** Uses all it gets for `seconds`, polls taking what they may at once; uses per second. */
async function uses(perSecond: number, seconds: number, found: (share: number) => number): Promise<number[]> {
  const clock = createVirtualClock();
  const slots = createRatedSlots(clock, 100, perSecond);
  const counts: number[] = Array.from({ length: seconds }, () => 0);
  const start = clock.monotonic();
  let ended = false;
  const loop = async (): Promise<void> => {
    while (!ended) {
      await slots.whenFree();
      if (ended) return;
      const share = slots.takeShare(2);
      if (share === 0) continue;
      const used = found(share);
      slots.settle(share, used);
      const second = Math.floor((clock.monotonic() - start) / 1_000);
      if (second < seconds) counts[second] = (counts[second] ?? 0) + used;
      slots.release(used);
      if (used === 0) await new Promise<void>((resolve) => void clock.setTimer(10, resolve));
    }
  };
  const work = loop();
  for (let ms = 0; ms < seconds * 1_000; ms += 10) await clock.advance(10);
  ended = true;
  slots.wake();
  await clock.advance(2_000);
  await work;
  return counts;
}

test('R-SDK-3: at most so many uses per second, after a pause at once', async () => {
  const counts = await uses(10, 5, (share) => share);
  expect(counts[0]).toBeLessThanOrEqual(20);
  for (const count of counts.slice(1)) expect(count).toBeLessThanOrEqual(11);
  expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(50);
});

test('R-SDK-3: less than one per second', async () => {
  const counts = await uses(0.5, 8, () => 1);
  expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(4);
  expect(counts.reduce((sum, count) => sum + count)).toBeLessThanOrEqual(5);
});

test('what a poll did not use is not counted, and what it may still use is', () => {
  const clock = createVirtualClock();
  const slots = createRatedSlots(clock, 100, 10);
  expect(slots.takeShare(1)).toBe(10);
  expect(slots.takeShare(1)).toBe(0);
  slots.settle(10, 1);
  expect(slots.takeShare(1)).toBe(9);
});
