/** What a commit writes and refuses. */
import { expect, test } from 'vitest';
import type { CommitRecord, Store, VisibilityRow } from '../../../src/store/store.ts';
import {
  bytes,
  CLOSED,
  closeRecord,
  executionOf,
  failureKind,
  logOf,
  logRow,
  newId,
  newKey,
  newScene,
  nextRecord,
  OPEN,
  outcome,
  startRecord,
  VISIBLE,
  write,
} from './scene.ts';

export function commitWrites(open: () => Store): void {
  test('what was committed is loaded byte for byte', async () => {
    const scene = await newScene(open());
    const key = newKey(scene, 'order ü 😀 ’ " \\ {},');
    const rows = [
      logRow(1, { events: bytes('\0\x01\xff'), marks: bytes('marks') }),
      logRow(2, { firstEventId: 2, eventCount: 0, events: new Uint8Array(0), marks: bytes('') }),
      logRow(3, { firstEventId: 2, eventCount: 3 }),
    ];
    const execution = { ...OPEN, wakeAt: 1_700_000_000_123, lastSeq: 3, nextEventId: 5, checkpoint: undefined, checkpointSeq: undefined };
    await write(scene, startRecord(key, { rows, execution }));
    const [run] = await scene.store.loadRuns(scene.me, [key]);
    expect(run?.key).toEqual(key);
    expect(run?.execution).toEqual(execution);
    expect(run?.rows.map((row) => ({ ...row, events: [...row.events], marks: row.marks && [...row.marks] }))).toEqual(
      rows.map((row) => ({ ...row, events: [...row.events], marks: row.marks && [...row.marks] })),
    );
  });

  test('an empty batch says whether the node is alive', async () => {
    const scene = await newScene(open());
    expect(outcome(await scene.store.commit(scene.me, 0, []))).toEqual({ alive: true, taken: [], written: [] });
    expect((await scene.store.commit(newId(), 0, [])).alive).toBe(false);
  });

  test('a change without an execution leaves the stored one', async () => {
    const scene = await newScene(open());
    const key = newKey(scene);
    await write(scene, startRecord(key));
    await write(scene, nextRecord(key, 1));
    expect(await executionOf(scene, key)).toMatchObject({ lastSeq: 1, wakeAt: 0 });
    expect(await logOf(scene, key)).toEqual(['1: events 1', '2: events 2']);
  });

  test('cooling writes no log row, and only behind the last one', async () => {
    const scene = await newScene(open());
    const key = newKey(scene);
    await write(scene, startRecord(key));
    const cool = (prevSeq: number, wakeAt: number): CommitRecord => ({
      key,
      prevSeq,
      rows: [],
      execution: { ...OPEN, wakeAt },
      closes: false,
    });
    await write(scene, cool(1, 5_000));
    expect(await executionOf(scene, key)).toMatchObject({ wakeAt: 5_000 });
    await write(scene, nextRecord(key, 1));
    for (const stale of [cool(1, 6_000), cool(3, 7_000), { ...cool(1, 8_000), key: newKey(scene) }]) {
      expect(outcome(await scene.store.commit(scene.me, 0, [stale]))).toEqual({ alive: true, taken: [], written: [] });
    }
    expect(await executionOf(scene, key)).toMatchObject({ wakeAt: 5_000 });
  });

  test('visibility alone changes nothing else', async () => {
    const scene = await newScene(open());
    const key = newKey(scene);
    await write(scene, startRecord(key, { visibility: VISIBLE }));
    await write(scene, { key, prevSeq: 1, rows: [], visibility: { ...VISIBLE, blockedCause: 'NONDETERMINISM' }, closes: false });
    expect(await executionOf(scene, key)).toMatchObject({ status: 1, type: 'order', lastSeq: 1 });
    const filter = { kind: 'compare', field: 'RunId', type: 'keyword', op: '=', value: key.runId } as const;
    const [entry] = await scene.store.listVisibility({ namespaceId: key.namespaceId, filter, limit: 1, after: undefined });
    expect(entry).toMatchObject({ blockedCause: 'NONDETERMINISM' });
  });

  test('checkpoint and memo stay when they are not sent', async () => {
    const scene = await newScene(open());
    const key = newKey(scene);
    const visibility: VisibilityRow = { ...VISIBLE, memo: bytes('memo'), attributes: { region: 'eu', n: 3, list: ['a', 'b'] } };
    await write(scene, startRecord(key, { visibility }));
    await write(scene, nextRecord(key, 1, { execution: { ...OPEN, checkpoint: bytes('cp'), checkpointSeq: 2 } }));
    await write(scene, nextRecord(key, 2, { execution: { ...OPEN, wakeAt: 9 }, visibility: { ...VISIBLE, historyLength: 3 } }));
    const [run] = await scene.store.loadRuns(scene.me, [key]);
    expect(Buffer.from(run?.execution.checkpoint ?? []).toString()).toBe('cp');
    expect(run?.execution).toMatchObject({ checkpointSeq: 2, wakeAt: 9 });
    expect(run?.rows.map((row) => row.seq)).toEqual([3]);
    const filter = { kind: 'compare', field: 'RunId', type: 'keyword', op: '=', value: key.runId } as const;
    const [entry] = await scene.store.listVisibility({ namespaceId: key.namespaceId, filter, limit: 1, after: undefined });
    expect(entry).toMatchObject({ historyLength: 3, attributes: { region: 'eu', n: 3, list: ['a', 'b'] }, workflowId: key.workflowId });
    expect(Buffer.from(entry?.memo ?? []).toString()).toBe('memo');
  });
}

export function commitRefuses(open: () => Store): void {
  test('R-COMMIT-2: a gap, a stale writer and a run without a log are refused without hurting the rest of the batch', async () => {
    const scene = await newScene(open());
    const [gap, stale, ghost, good] = [newKey(scene), newKey(scene), newKey(scene), newKey(scene)];
    await write(scene, startRecord(gap), startRecord(stale), startRecord(good));
    await write(scene, nextRecord(stale, 1, { rows: [logRow(2, { events: bytes('first') })] }));
    const touched = { execution: { ...OPEN, wakeAt: 77 }, visibility: VISIBLE };
    const late = nextRecord(stale, 1, { rows: [logRow(2, { events: bytes('second') }), logRow(3)], ...touched });
    const batch = [nextRecord(gap, 2, touched), late, nextRecord(ghost, 4, touched), nextRecord(good, 1, touched)];
    expect(outcome(await scene.store.commit(scene.me, 0, batch))).toEqual({ alive: true, taken: [], written: [good.runId] });
    expect(await logOf(scene, gap)).toEqual(['1: events 1']);
    expect(await logOf(scene, stale)).toEqual(['1: events 1', '2: first']);
    expect(await executionOf(scene, stale)).toMatchObject({ wakeAt: 0 });
    expect(await scene.store.loadRuns(scene.me, [ghost])).toEqual([]);
    expect(await executionOf(scene, good)).toMatchObject({ wakeAt: 77 });
  });

  test('a start of a run that exists, open or closed, is neither written nor taken', async () => {
    const scene = await newScene(open());
    const key = newKey(scene);
    await write(scene, startRecord(key));
    const again = startRecord(key, { rows: [logRow(1, { events: bytes('again') }), logRow(2)], execution: { ...OPEN, type: 'other' } });
    expect(outcome(await scene.store.commit(scene.me, 0, [again]))).toEqual({ alive: true, taken: [], written: [] });
    await write(scene, closeRecord(key, 1));
    expect(outcome(await scene.store.commit(scene.me, 0, [startRecord(key)]))).toEqual({ alive: true, taken: [], written: [] });
    expect(await logOf(scene, key)).toEqual(['1: events 1', '2: events 2']);
    expect(await executionOf(scene, key)).toMatchObject({ status: 2, type: 'order' });
  });

  test('a start behind another open run of its workflow id is taken, and so are its followers', async () => {
    const scene = await newScene(open());
    const first = newKey(scene);
    const second = newKey(scene, first.workflowId);
    const elsewhere = { ...newKey(scene, first.workflowId), namespaceId: newId() };
    await write(scene, startRecord(first));
    const answer = await scene.store.commit(scene.me, 0, [startRecord(second, { visibility: VISIBLE }), startRecord(elsewhere)]);
    expect(outcome(answer)).toEqual({ alive: true, taken: [`${second.runId} behind ${first.runId}`], written: [elsewhere.runId] });
    const follower = nextRecord(second, 1, { execution: OPEN, visibility: VISIBLE });
    expect(outcome(await scene.store.commit(scene.me, 0, [follower]))).toEqual({ alive: true, taken: [], written: [] });
    expect(await scene.store.loadRuns(scene.me, [second])).toEqual([]);
    expect(await scene.store.findRun(scene.me, scene.slot, first.namespaceId, first.workflowId)).toMatchObject({ runId: first.runId });
    const filter = { kind: 'compare', field: 'RunId', type: 'keyword', op: '=', value: second.runId } as const;
    expect(await scene.store.countVisibility(second.namespaceId, filter)).toBe(0);
  });

  test('a start takes the place of a run that the same batch closes, unless that close is refused', async () => {
    const scene = await newScene(open());
    const first = newKey(scene);
    const [second, third] = [newKey(scene, first.workflowId), newKey(scene, first.workflowId)];
    await write(scene, startRecord(first));
    // Both orders of the unit, and a run that is started and closed in one record.
    await write(scene, startRecord(second), closeRecord(first, 1));
    const answer = await scene.store.commit(scene.me, 0, [closeRecord(second, 5), startRecord(third)]);
    expect(outcome(answer)).toEqual({ alive: true, taken: [`${third.runId} behind ${second.runId}`], written: [] });
    const beside = await scene.store.commit(scene.me, 0, [nextRecord(second, 1, { execution: OPEN }), startRecord(third)]);
    expect(outcome(beside)).toEqual({ alive: true, taken: [`${third.runId} behind ${second.runId}`], written: [second.runId] });
    const brief = startRecord(third, { rows: [logRow(1), logRow(2)], execution: CLOSED, closes: true });
    await write(scene, brief, closeRecord(second, 2));
    expect(await executionOf(scene, third)).toMatchObject({ status: 2 });
  });

  test('R-OWN-1: a node without a row writes nothing', async () => {
    const scene = await newScene(open());
    const key = newKey(scene);
    await write(scene, startRecord(key));
    await scene.store.removeNode(scene.me);
    const batch = [nextRecord(key, 1, { execution: CLOSED, visibility: VISIBLE }), startRecord(newKey(scene), { visibility: VISIBLE })];
    expect(outcome(await scene.store.commit(scene.me, 0, batch))).toEqual({ alive: false, taken: [], written: [] });
    const other = await newScene(open());
    await other.store.claimSlots(other.me, [scene.slot]);
    expect(await logOf(other, key)).toEqual(['1: events 1']);
    expect(await other.store.dueKeys(other.me, [start(scene.slot)], 10, 10)).toHaveLength(1);
  });

  test('R-COMMIT-1: a record that no database takes is poison, and nothing of its batch is written', async () => {
    const scene = await newScene(open());
    const good = startRecord(newKey(scene));
    for (const bad of poisonous(() => newKey(scene))) {
      expect(await failureKind(scene.store.commit(scene.me, 0, [good, bad])), JSON.stringify(bad)).toBe('poison');
    }
    await write(scene, good);
  });
}

/** Where a due scan of a slot begins. */
export function start(slot: number): {
  slot: number;
  afterWakeAt: number;
  afterNamespaceId: string;
  afterWorkflowId: string;
  afterRunId: string;
} {
  return { slot, afterWakeAt: -1, afterNamespaceId: '', afterWorkflowId: '', afterRunId: '' };
}

/** One record per field that may hold a bad value. */
function poisonous(key: () => ReturnType<typeof newKey>): CommitRecord[] {
  const bad = ['nul \0', 'lone surrogate \ud800'];
  const texts = bad.flatMap((value) => [
    startRecord({ ...key(), workflowId: value }),
    startRecord(key(), { execution: { ...OPEN, type: value } }),
    startRecord(key(), { execution: { ...OPEN, taskQueue: value } }),
    startRecord(key(), { visibility: { ...VISIBLE, type: value } }),
    startRecord(key(), { visibility: { ...VISIBLE, taskQueue: value } }),
    startRecord(key(), { visibility: { ...VISIBLE, buildId: value } }),
    startRecord(key(), { visibility: { ...VISIBLE, blockedCause: value } }),
    startRecord(key(), { visibility: { ...VISIBLE, attributes: { note: value } } }),
    startRecord(key(), { visibility: { ...VISIBLE, attributes: { [value]: 1 } } }),
    startRecord(key(), { visibility: { ...VISIBLE, attributes: { list: ['good', value] } } }),
  ]);
  const twice = startRecord(key());
  return [
    ...texts,
    startRecord({ ...key(), runId: 'no-uuid' }),
    startRecord({ ...key(), namespaceId: 'default' }),
    startRecord(key(), { rows: [logRow(2)] }),
    startRecord(key(), { rows: [] }),
    startRecord(key(), { execution: undefined }),
    startRecord(key(), { execution: { ...OPEN, wakeAt: 1.5 } }),
    nextRecord(twice.key, 1, { rows: [logRow(2), logRow(4)] }),
  ];
}

export function twiceInOneBatch(open: () => Store): void {
  test('a run stands at most once in a batch', async () => {
    const scene = await newScene(open());
    const key = newKey(scene);
    expect(await failureKind(scene.store.commit(scene.me, 0, [startRecord(key), nextRecord(key, 1)]))).toBe('poison');
    expect(await scene.store.loadRuns(scene.me, [key])).toEqual([]);
  });
}

export function twoOpenRuns(open: () => Store): void {
  test('R-START-3: two starts in one batch that would leave their workflow id with two open runs are poison', async () => {
    const scene = await newScene(open());
    const first = newKey(scene);
    const [second, third] = [newKey(scene, first.workflowId), newKey(scene, first.workflowId)];
    const good = newKey(scene);
    const both = scene.store.commit(scene.me, 0, [startRecord(second), startRecord(good), startRecord(third)]);
    expect(await failureKind(both)).toBe('poison');
    expect(await scene.store.loadRuns(scene.me, [second, third, good])).toEqual([]);
    // A close makes room for one of them, not for both.
    await write(scene, startRecord(first));
    const behind = scene.store.commit(scene.me, 0, [closeRecord(first, 1), startRecord(second), startRecord(third)]);
    expect(await failureKind(behind)).toBe('poison');
    expect(await executionOf(scene, first)).toMatchObject({ status: 1 });
  });

  test('R-START-3: a record that closes its run and leaves it open is poison', async () => {
    const scene = await newScene(open());
    const first = newKey(scene);
    const second = newKey(scene, first.workflowId);
    await write(scene, startRecord(first));
    for (const execution of [undefined, OPEN]) {
      const batch = [closeRecord(first, 1, { execution }), startRecord(second)];
      expect(await failureKind(scene.store.commit(scene.me, 0, batch))).toBe('poison');
    }
    expect(await scene.store.loadRuns(scene.me, [second])).toEqual([]);
    expect(await logOf(scene, first)).toEqual(['1: events 1']);
  });

  test('starts of one workflow id share a batch when all but one are closed by it, or their namespaces differ', async () => {
    const scene = await newScene(open());
    const first = newKey(scene);
    const sameId = (): ReturnType<typeof newKey> => newKey(scene, first.workflowId);
    const [second, third, fourth] = [sameId(), sameId(), sameId()];
    const brief = { rows: [logRow(1), logRow(2)], execution: CLOSED };
    await write(scene, startRecord(first));
    // As the lane merges it: each run gave way to the next while all of them waited.
    await write(scene, closeRecord(first, 1), startRecord(second, brief), startRecord(third, brief), startRecord(fourth));
    expect(await executionOf(scene, third)).toMatchObject({ status: 2 });
    expect(await scene.store.findRun(scene.me, scene.slot, first.namespaceId, first.workflowId)).toMatchObject({
      runId: fourth.runId,
      status: 1,
    });
    const alone = newKey(scene);
    await write(scene, startRecord(alone), startRecord({ ...newKey(scene, alone.workflowId), namespaceId: newId() }));
  });
}
