/** Loading runs, finding them, paging logs, scanning what is due. */
import { expect, test } from 'vitest';
import type { DueCursor, DueKey, RunKey, Store } from '../../../src/store/store.ts';
import { start } from './commit.ts';
import { bytes, CLOSED, closeRecord, logRow, newId, newKey, newScene, nextRecord, OPEN, type Scene, startRecord, write } from './scene.ts';

export function loads(open: () => Store): void {
  test('runs are loaded in the order asked for, only in owned slots', async () => {
    const store = open();
    const [scene, other] = [await newScene(store), await newScene(store)];
    const keys = [newKey(scene), newKey(scene), newKey(other)] as const;
    await write(scene, startRecord(keys[1]), startRecord(keys[0]));
    await write(other, startRecord(keys[2]));
    const asked = [keys[0], keys[2], newKey(scene), keys[1], keys[0]];
    expect((await store.loadRuns(scene.me, asked)).map((run) => run.key)).toEqual([keys[0], keys[1]]);
    expect(await store.loadRuns(newId(), [...keys])).toEqual([]);
    expect(await store.loadRuns(scene.me, [])).toEqual([]);
    expect(await store.loadRuns(scene.me, [{ ...keys[0], workflowId: 'another' }])).toEqual([]);
  });

  test('an id stands for its open run, else for the newest closed one', async () => {
    const scene = await newScene(open());
    const { store, me, slot } = scene;
    const key = newKey(scene);
    const find = async (): Promise<unknown> => store.findRun(me, slot, key.namespaceId, key.workflowId);
    expect(await find()).toBeUndefined();
    const closed = async (run: RunKey, startedAt: number): Promise<void> =>
      write(scene, startRecord(run, { rows: [logRow(1), logRow(2)], execution: { ...CLOSED, startedAt }, closes: true }));
    const [late, early, twin] = [newKey(scene, key.workflowId), newKey(scene, key.workflowId), newKey(scene, key.workflowId)];
    await closed(late, 9_000);
    await closed(early, 5_000);
    expect(await find()).toEqual({ runId: late.runId, status: 2, closedAt: 2_000 });
    await closed(twin, 9_000);
    expect(await find()).toMatchObject({ runId: twin.runId });
    await write(scene, startRecord(key, { execution: { ...OPEN, startedAt: 1 } }));
    expect(await find()).toEqual({ runId: key.runId, status: 1, closedAt: null });
    expect(await store.findRun(newId(), slot, key.namespaceId, key.workflowId)).toBeUndefined();
  });

  test('R-LOG-6: a log is read in pages that end before the limit, without rows that hold only marks', async () => {
    const scene = await newScene(open());
    const key = newKey(scene);
    const row = (seq: number, firstEventId: number, eventCount: number): ReturnType<typeof logRow> =>
      logRow(seq, { firstEventId, eventCount, events: eventCount === 0 ? bytes('') : bytes('x'.repeat(10)), marks: bytes('m') });
    const rows = [row(1, 1, 2), row(2, 3, 0), row(3, 3, 1), row(4, 4, 3), row(5, 7, 1)];
    await write(scene, startRecord(key, { rows }));
    const page = async (from: number, max: number): Promise<number[]> =>
      (await scene.store.readHistory(scene.slot, key.runId, from, max)).map((found) => found.firstEventId);
    expect(await page(1, 1_000)).toEqual([1, 3, 4, 7]);
    expect(await page(1, 30)).toEqual([1, 3, 4]);
    expect(await page(1, 29)).toEqual([1, 3]);
    expect(await page(2, 1)).toEqual([1]);
    expect(await page(3, 10)).toEqual([3]);
    expect(await page(6, 1_000)).toEqual([4, 7]);
    expect(await page(8, 1_000)).toEqual([]);
    const [first] = await scene.store.readHistory(scene.slot, key.runId, 1, 1);
    expect([first?.seq, first?.eventCount, Buffer.from(first?.events ?? []).toString(), first?.marks]).toEqual([
      1,
      2,
      'x'.repeat(10),
      undefined,
    ]);
  });
}

async function runDueAt(scene: Scene, wakeAt: number | null, workflowId?: string): Promise<RunKey> {
  const key = newKey(scene, workflowId);
  await write(scene, startRecord(key, { execution: { ...OPEN, wakeAt } }));
  return key;
}

function after(item: DueKey): DueCursor {
  const { slot, namespaceId, workflowId, runId } = item.key;
  return { slot, afterWakeAt: item.wakeAt, afterNamespaceId: namespaceId, afterWorkflowId: workflowId, afterRunId: runId };
}

export function due(open: () => Store): void {
  test('the due scan is bounded below, above and by number, per slot', async () => {
    const store = open();
    const scene = await newScene(store);
    const second = { ...scene, slot: scene.slot + 2_000 };
    expect(await store.claimSlots(scene.me, [second.slot])).toEqual([second.slot]);
    const keys = [await runDueAt(scene, 0), await runDueAt(scene, 50), await runDueAt(scene, 60), await runDueAt(scene, 61)];
    await runDueAt(scene, null);
    const there = [await runDueAt(second, 0), await runDueAt(second, 7)];
    const scan = async (cursors: DueCursor[], until: number, limit: number): Promise<string[]> =>
      (await store.dueKeys(scene.me, cursors, until, limit)).map((item) => `${item.key.runId} ${item.wakeAt}`);
    const ids = (...items: [number, RunKey | undefined][]): string[] => items.map(([wakeAt, key]) => `${key?.runId} ${wakeAt}`);
    expect(await scan([start(second.slot), start(scene.slot)], 60, 10)).toEqual(
      ids([0, keys[0]], [50, keys[1]], [60, keys[2]], [0, there[0]], [7, there[1]]),
    );
    expect(await scan([start(scene.slot), start(second.slot)], 60, 1)).toEqual(ids([0, keys[0]], [0, there[0]]));
    expect(await scan([{ ...start(scene.slot), afterWakeAt: 50 }], 100, 10)).toEqual(ids([50, keys[1]], [60, keys[2]], [61, keys[3]]));
    expect(await store.dueKeys(newId(), [start(scene.slot)], 100, 10)).toEqual([]);
  });

  test('pages of equal due times miss no key and repeat none', async () => {
    const scene = await newScene(open());
    const names = ['b', 'a', 'ä', 'Z', 'b-2', '', 'a'].map((name) => `${name}-${newId()}`);
    const made = [];
    for (const name of names) made.push((await runDueAt(scene, 40, name)).runId);
    const seen: string[] = [];
    let cursor = start(scene.slot);
    for (let page = 0; page < 10; page += 1) {
      const found = await scene.store.dueKeys(scene.me, [cursor], 40, 2);
      seen.push(...found.map((item) => item.key.runId));
      const last = found.at(-1);
      if (last === undefined) break;
      cursor = after(last);
    }
    expect(seen).toHaveLength(made.length);
    expect([...seen].sort()).toEqual([...made].sort());
  });

  test('R-CLOSE-5: a closed run is due when its retention ends, and not before', async () => {
    const scene = await newScene(open());
    const key = await runDueAt(scene, 0);
    await write(scene, closeRecord(key, 1, { execution: { ...CLOSED, wakeAt: 900 } }));
    expect(await scene.store.dueKeys(scene.me, [start(scene.slot)], 899, 10)).toEqual([]);
    expect(await scene.store.dueKeys(scene.me, [start(scene.slot)], 900, 10)).toEqual([{ key, wakeAt: 900 }]);
    await write(scene, nextRecord(key, 2, { execution: { ...CLOSED, wakeAt: null } }));
    expect(await scene.store.dueKeys(scene.me, [start(scene.slot)], 900, 10)).toEqual([]);
  });
}
