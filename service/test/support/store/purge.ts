/** What purge deletes, and what it must never. */
import { expect, test } from 'vitest';
import type { RunKey, Store } from '../../../src/store/store.ts';
import { bytes, CLOSED, logRow, newKey, newScene, nextRecord, OPEN, type Scene, startRecord, VISIBLE, write } from './scene.ts';

async function closedRun(scene: Scene, rows: number): Promise<RunKey> {
  const key = newKey(scene);
  const log = Array.from({ length: rows }, (_, i) => logRow(i + 1));
  await write(scene, startRecord(key, { rows: log, execution: CLOSED, visibility: VISIBLE, closes: true }));
  return key;
}

async function visible(scene: Scene, key: RunKey): Promise<number> {
  return scene.store.countVisibility(key.namespaceId, { kind: 'compare', field: 'RunId', type: 'keyword', op: '=', value: key.runId });
}

async function rowsLeft(scene: Scene, key: RunKey): Promise<number> {
  return (await scene.store.readHistory(scene.slot, key.runId, 1, 1_000_000)).length;
}

export function purges(open: () => Store): void {
  test('a big run goes in slices, its row in executions with the last', async () => {
    const scene = await newScene(open());
    const [small, big, last] = [await closedRun(scene, 2), await closedRun(scene, 5), await closedRun(scene, 1)];
    const items = [{ key: last }, { key: big }, { key: small }];
    const purge = async (): Promise<unknown> => scene.store.purge(scene.me, items, 4);
    expect(await purge()).toEqual({ alive: true, done: [small.runId] });
    expect(await scene.store.loadRuns(scene.me, [small])).toEqual([]);
    expect(await visible(scene, small)).toBe(0);
    expect([await rowsLeft(scene, big), await visible(scene, big)]).toEqual([3, 1]);
    expect(await scene.store.loadRuns(scene.me, [big])).toHaveLength(1);
    const second = await scene.store.purge(scene.me, items, 4);
    expect([...second.done].sort()).toEqual([small.runId, big.runId, last.runId].sort());
    expect([await rowsLeft(scene, big), await visible(scene, big)]).toEqual([0, 0]);
    expect(await scene.store.loadRuns(scene.me, [big, last])).toEqual([]);
  });

  test('open runs, runs of others and a fenced node purge nothing', async () => {
    const store = open();
    const [scene, other] = [await newScene(store), await newScene(store)];
    const [running, foreign] = [newKey(scene), await closedRun(other, 1)];
    await write(scene, startRecord(running, { visibility: VISIBLE }));
    expect(await store.purge(scene.me, [{ key: running }, { key: foreign }], 10)).toEqual({ alive: true, done: [] });
    expect([await rowsLeft(scene, running), await visible(scene, running), await rowsLeft(other, foreign)]).toEqual([1, 1, 1]);
    await store.removeNode(other.me);
    expect(await store.purge(other.me, [{ key: foreign }], 10)).toEqual({ alive: false, done: [] });
    expect(await rowsLeft(other, foreign)).toBe(1);
  });

  test('rows of marks go up to the checkpoint, never the last row', async () => {
    const scene = await newScene(open());
    const key = newKey(scene);
    const marks = (seq: number): ReturnType<typeof logRow> =>
      logRow(seq, { firstEventId: 2, eventCount: 0, events: bytes(''), marks: bytes('m') });
    await write(scene, startRecord(key, { rows: [logRow(1), marks(2), marks(3), logRow(4, { firstEventId: 2 }), marks(5), marks(6)] }));
    const purge = async (marksUpToSeq: number, maxRows = 10): Promise<unknown> =>
      scene.store.purge(scene.me, [{ key, marksUpToSeq }], maxRows);
    expect(await purge(6)).toEqual({ alive: true, done: [key.runId] });
    // Without a checkpoint a load needs them all; the checkpoint itself hides them from loads, so the log is continued to see them.
    const seqs = async (): Promise<(number | undefined)[]> =>
      (await scene.store.loadRuns(scene.me, [key])).flatMap((run) => run.rows.map((row) => row.seq));
    expect(await seqs()).toEqual([1, 2, 3, 4, 5, 6]);
    await write(scene, { key, prevSeq: 6, rows: [], execution: { ...OPEN, checkpoint: bytes('cp'), checkpointSeq: 6 }, closes: false });
    expect(await purge(6, 1)).toEqual({ alive: true, done: [] });
    expect(await purge(6)).toEqual({ alive: true, done: [key.runId] });
    expect(await purge(99)).toEqual({ alive: true, done: [key.runId] });
    await write(scene, { key, prevSeq: 6, rows: [], execution: { ...OPEN, checkpoint: bytes('cp'), checkpointSeq: 0 }, closes: false });
    expect(await seqs()).toEqual([1, 4, 6]);
    await write(scene, nextRecord(key, 6));
  });
}
