/** A binary heap of due times with one entry per key at its head: later pushes of a key outdate earlier ones lazily. */
import type { RunKey } from '../store/store.ts';

interface Entry {
  readonly due: number;
  readonly key: RunKey;
}

export interface DueHeap {
  /** Sets when the key is due; a repeated call with an earlier or later time replaces it. Infinity removes. */
  set(key: RunKey, due: number): void;
  /** Due time of a key, Infinity if it has none. */
  get(runId: string): number;
  /** Takes the earliest key due at `now`. */
  pop(now: number): RunKey | undefined;
  /** Earliest due time, Infinity when empty. */
  next(): number;
  size(): number;
  /** Entries kept, outdated ones included. */
  kept(): number;
  clear(): void;
}

/** Outdated entries kept before the heap is rebuilt. */
const SLACK = 1_024;

export function createDueHeap(): DueHeap {
  const heap: Entry[] = [];
  const current = new Map<string, number>();

  function up(index: number): void {
    const entry = heap[index] as Entry;
    let at = index;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as Entry).due <= entry.due) break;
      heap[at] = heap[parent] as Entry;
      at = parent;
    }
    heap[at] = entry;
  }

  function removeTop(): void {
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Entry).due < (heap[child] as Entry).due) child += 1;
      if ((heap[child] as Entry).due >= last.due) break;
      heap[at] = heap[child] as Entry;
      at = child;
    }
    heap[at] = last;
  }

  /** Outdated entries go by themselves only when their time comes, which may be in years. */
  function compact(): void {
    const live = new Map<string, Entry>();
    for (const entry of heap) if (current.get(entry.key.runId) === entry.due) live.set(entry.key.runId, entry);
    heap.length = 0;
    for (const entry of [...live.values()].sort((a, b) => a.due - b.due)) heap.push(entry);
  }

  function dropOutdated(): void {
    for (let top = heap[0]; top !== undefined && current.get(top.key.runId) !== top.due; top = heap[0]) removeTop();
  }

  return {
    set(key, due) {
      if (current.get(key.runId) === due) return;
      if (due === Number.POSITIVE_INFINITY) {
        current.delete(key.runId);
        if (heap.length > 2 * current.size + SLACK) compact();
        return;
      }
      current.set(key.runId, due);
      heap.push({ due, key });
      up(heap.length - 1);
      if (heap.length > 2 * current.size + SLACK) compact();
    },
    get: (runId) => current.get(runId) ?? Number.POSITIVE_INFINITY,
    pop(now) {
      dropOutdated();
      const top = heap[0];
      if (top === undefined || top.due > now) return undefined;
      removeTop();
      current.delete(top.key.runId);
      return top.key;
    },
    next() {
      dropOutdated();
      return heap[0]?.due ?? Number.POSITIVE_INFINITY;
    },
    size: () => current.size,
    kept: () => heap.length,
    clear() {
      heap.length = 0;
      current.clear();
    },
  };
}
