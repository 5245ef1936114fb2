// The heap of due times: order, replacement, and that outdated entries do not pile up.
import { expect, test } from 'vitest';
import { createDueHeap } from './due-heap.ts';

const key = (id: number) => ({ slot: 0, namespaceId: 'n', workflowId: 'w', runId: `r${id}` });

test('pops what is due, earliest first, with the last time set', () => {
  const heap = createDueHeap();
  for (const [id, due] of [
    [1, 50],
    [2, 10],
    [3, 30],
    [1, 5],
    [3, 99],
  ] as const)
    heap.set(key(id), due);
  expect(heap.next()).toBe(5);
  expect([heap.pop(20)?.runId, heap.pop(20)?.runId, heap.pop(20)?.runId]).toEqual(['r1', 'r2', undefined]);
  expect(heap.size()).toBe(1);
  heap.set(key(3), Number.POSITIVE_INFINITY);
  expect([heap.next(), heap.size()]).toEqual([Number.POSITIVE_INFINITY, 0]);
});

test('stays small however often times are moved or taken back', () => {
  const heap = createDueHeap();
  for (let n = 0; n < 100_000; n += 1) {
    heap.set(key(n % 10), 1_000_000 + n);
    heap.set(key(n), n % 3 === 0 ? Number.POSITIVE_INFINITY : 2_000_000);
    heap.set(key(n), Number.POSITIVE_INFINITY);
  }
  expect(heap.kept()).toBeLessThan(2_000);
  let popped = 0;
  while (heap.pop(Number.MAX_SAFE_INTEGER) !== undefined) popped += 1;
  expect(popped).toBe(heap.size() + popped);
});
