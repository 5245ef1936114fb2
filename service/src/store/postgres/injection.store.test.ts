/** What the PostgreSQL store makes of failures, injected between it and the driver, at both isolation levels. */
import pg from 'pg';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTestDatabase } from '../../../test/support/database.ts';
import {
  failureKind,
  logOf,
  newKey,
  newScene,
  newSlot,
  nextRecord,
  nodeInfo,
  outcome,
  startRecord,
  write,
} from '../../../test/support/store/scene.ts';
import type { Store } from '../store.ts';
import { openAdmin } from './admin.ts';
import { createPostgresStore } from './store.ts';

type Fault = '40001' | '40P01' | 'lost before' | 'lost after' | 'no answer';

const original = pg.Client.prototype.query as (this: pg.Client, ...args: unknown[]) => Promise<unknown>;

function socketOf(client: pg.Client): { destroy(): void } {
  return (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream;
}

/** Injects one fault into each of the next calls of the statement. */
function inject(statement: string, ...faults: Fault[]): void {
  const left = [...faults];
  const query = async function (this: pg.Client, ...args: unknown[]): Promise<unknown> {
    const [config] = args as [{ name?: string }];
    const fault = config.name === statement ? left.shift() : undefined;
    if (fault === '40001' || fault === '40P01') throw Object.assign(new Error('injected'), { code: fault, severity: 'ERROR' });
    if (fault === 'lost before') socketOf(this).destroy();
    if (fault === 'no answer') {
      original.apply(this, args).catch(() => {});
      throw new Error('Query read timeout');
    }
    const answer = await original.apply(this, args);
    if (fault !== 'lost after') return answer;
    socketOf(this).destroy();
    throw new Error('Connection terminated unexpectedly');
  };
  // Only calls with a promise for an answer are the store's; pg's pool calls itself with callbacks for its own ends.
  vi.spyOn(pg.Client.prototype, 'query').mockImplementation(query as never);
}

/** Machines differ; what is waited for is a state, not a time. */
const PATIENCE = { timeout: 20_000 };

/** Statements that wait for a lock now. */
const WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

describe.each(['read committed', 'serializable'] as const)('%s', (isolation) => {
  let url: string;
  let store: Store;
  const notices: string[] = [];
  beforeAll(async () => {
    url = await createTestDatabase();
    store = createPostgresStore({ url, isolation, onNotice: (message) => notices.push(message) });
    return () => store.close();
  });
  /** A session of its own: within a transaction the view keeps showing what it showed first. */
  async function untilWaiting(sessions: number): Promise<void> {
    const admin = await openAdmin(url);
    await vi.waitFor(async () => expect(await admin.run(WAITING)).toHaveLength(sessions), PATIENCE);
    await admin.close();
  }

  afterEach(() => {
    vi.restoreAllMocks();
    notices.length = 0;
  });

  test.each(['40001', '40P01'] as const)('R-COMMIT-4: %s is tried again, and nobody hears of it but the log', async (code) => {
    const scene = await newScene(store);
    inject('commit_batch', code, code);
    await write(scene, startRecord(newKey(scene)));
    inject('claim_slots', code);
    const slot = newSlot();
    expect(await store.claimSlots(scene.me, [slot])).toEqual([slot]);
    inject('due_keys', code);
    await store.dueKeys(scene.me, [], 1, 1);
    expect(notices).toHaveLength(4);
  });

  test('after ten tries the caller is told, and the lane goes on', async () => {
    const scene = await newScene(store);
    inject('commit_batch', ...Array.from({ length: 10 }, () => '40001' as const));
    const record = startRecord(newKey(scene));
    expect(await failureKind(store.commit(scene.me, 0, [record]))).toBe('abort');
    await write(scene, record);
  });

  test('a commit whose answer is lost is ambiguous; sent again it is refused, not doubled', async () => {
    const scene = await newScene(store);
    const key = newKey(scene);
    inject('commit_batch', 'lost after');
    expect(await failureKind(store.commit(scene.me, 0, [startRecord(key)]))).toBe('ambiguous');
    expect(await logOf(scene, key)).toEqual(['1: events 1']);
    expect(outcome(await store.commit(scene.me, 0, [startRecord(key)]))).toEqual({ alive: true, taken: [], written: [] });
    inject('commit_batch', 'lost before');
    expect(await failureKind(store.commit(scene.me, 0, [nextRecord(key, 1)]))).toBe('ambiguous');
    expect(await logOf(scene, key)).toEqual(['1: events 1']);
    await write(scene, nextRecord(key, 1));
  });

  test('a lane that got no answer in time goes on with another connection', async () => {
    const scene = await newScene(store);
    await store.commit(scene.me, 0, []);
    const admin = await openAdmin(url);
    const lanes = (): Promise<{ pid: number }[]> =>
      admin.run("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'perdure-lane-0'");
    const [before] = await lanes();
    inject('commit_batch', 'no answer');
    expect(await failureKind(store.commit(scene.me, 0, [startRecord(newKey(scene))]))).toBe('ambiguous');
    await write(scene, startRecord(newKey(scene)));
    await vi.waitFor(async () => expect(await lanes()).toHaveLength(1), PATIENCE);
    expect((await lanes())[0]?.pid).not.toBe(before?.pid);
    await admin.close();
  });

  test('an ownership statement whose answer is lost is ambiguous too, and never sent twice', async () => {
    const scene = await newScene(store);
    inject('beat', 'lost after');
    expect(await failureKind(store.beat(scene.me, false))).toBe('ambiguous');
    expect((await store.beat(scene.me, false)).nodes.find((node) => node.nodeId === scene.me)?.beat).toBe(2);
    inject('release_slots', 'lost after');
    expect(await failureKind(store.releaseSlots(scene.me, [scene.slot]))).toBe('ambiguous');
    inject('replace_node', 'lost before');
    expect(await failureKind(store.replaceNode(scene.me, nodeInfo()))).toBe('ambiguous');
  });

  test('a read goes to another connection once', async () => {
    const scene = await newScene(store);
    inject('load_runs', 'lost before');
    expect(await store.loadRuns(scene.me, [])).toEqual([]);
    inject('load_runs', 'lost before', 'lost after');
    expect(await failureKind(store.loadRuns(scene.me, []))).toBe('down');
  });

  test('connections lost while idle are replaced', async () => {
    const scene = await newScene(store);
    const key = newKey(scene);
    await write(scene, startRecord(key));
    const admin = await openAdmin(url);
    await admin.run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'perdure-%' AND pid <> pg_backend_pid()",
    );
    await admin.close();
    // The news of it may arrive after the next statement was sent; nothing may be written by that one.
    await vi.waitFor(async () => expect((await store.commit(scene.me, 0, [])).alive).toBe(true), PATIENCE);
    await vi.waitFor(async () => expect((await store.beat(scene.me, false)).alive).toBe(true), PATIENCE);
    expect(await logOf(scene, key)).toEqual(['1: events 1']);
  });

  test('a commit that waits while its node is deleted writes nothing', async () => {
    const scene = await newScene(store);
    const key = newKey(scene);
    const admin = await openAdmin(url);
    await admin.run('BEGIN');
    await admin.run('DELETE FROM nodes WHERE node_id = $1', [scene.me]);
    const commit = store.commit(scene.me, 0, [startRecord(key)]);
    await untilWaiting(1);
    await admin.run('COMMIT');
    expect(outcome(await commit)).toEqual({ alive: false, taken: [], written: [] });
    expect(await admin.run('SELECT 1 FROM executions WHERE run_id = $1', [key.runId])).toEqual([]);
    await admin.close();
  });

  test('a claim that waits for another claimer leaves the slot to it', async () => {
    const [scene, other] = [await newScene(store), await newScene(store)];
    await store.releaseSlots(other.me, [other.slot]);
    const admin = await openAdmin(url);
    await admin.run('BEGIN');
    await admin.run('UPDATE slots SET owner = $1 WHERE slot = $2', [other.me, other.slot]);
    const claim = store.claimSlots(scene.me, [other.slot]);
    await untilWaiting(1);
    await admin.run('COMMIT');
    expect(await claim).toEqual([]);
    expect((await store.readSlots())[other.slot]).toBe(other.me);
    await admin.close();
  });

  test('lanes do not wait for each other', async () => {
    const scene = await newScene(store);
    const key = newKey(scene);
    const admin = await openAdmin(url);
    await admin.run('BEGIN');
    await admin.run("INSERT INTO history (slot, run_id, seq, first_event_id, event_count, events) VALUES ($1, $2, 1, 1, 1, '')", [
      key.slot,
      key.runId,
    ]);
    const held = store.commit(scene.me, 1, [startRecord(key)]);
    await untilWaiting(1);
    await write(scene, startRecord(newKey(scene)));
    await admin.run('ROLLBACK');
    expect(outcome(await held).written).toEqual([key.runId]);
    expect(await failureKind(store.commit(scene.me, 2, []))).toBe('poison');
    await admin.close();
  });

  test('a beat fails as soon as the row in nodes is gone, although its own row is there', async () => {
    const scene = await newScene(store);
    const admin = await openAdmin(url);
    await admin.run('DELETE FROM nodes WHERE node_id = $1', [scene.me]);
    expect((await store.beat(scene.me, false)).alive).toBe(false);
    expect(await admin.run('SELECT beat FROM heartbeats WHERE node_id = $1', [scene.me])).toEqual([{ beat: 0 }]);
    await admin.close();
  });

  test('a node is deleted only after the commit that it has under way', async () => {
    const scene = await newScene(store);
    const [key, other] = [newKey(scene), nodeInfo()];
    await store.registerNode(other);
    const admin = await openAdmin(url);
    // Holds the commit back behind its fence: the row that it wants to write is being written by somebody else.
    await admin.run('BEGIN');
    await admin.run("INSERT INTO history (slot, run_id, seq, first_event_id, event_count, events) VALUES ($1, $2, 1, 1, 1, '')", [
      key.slot,
      key.runId,
    ]);
    const commit = store.commit(scene.me, 0, [startRecord(key)]);
    await untilWaiting(1);
    const eviction = store.evictNode(other.nodeId, scene.me, 0);
    await untilWaiting(2);
    await admin.run('ROLLBACK');
    expect(outcome(await commit).written).toEqual([key.runId]);
    expect(await eviction).toBe(true);
    await admin.close();
  });

  test('a value that only the database refuses is poison', async () => {
    const scene = await newScene(store);
    // Longer than an index entry may be, also after compression.
    const workflowId = Array.from({ length: 4_000 }, (_, i) => String.fromCharCode(0x4e00 + ((i * 7_919) % 20_000))).join('');
    const good = startRecord(newKey(scene));
    expect(await failureKind(store.commit(scene.me, 0, [startRecord(newKey(scene, workflowId)), good]))).toBe('poison');
    await write(scene, good);
  });
});

test('without a server everything is down, and closing still works', async () => {
  const store = createPostgresStore({ url: 'postgres://perdure:x@127.0.0.1:1/perdure' });
  const { nodeId } = nodeInfo();
  expect(await failureKind(store.commit(nodeId, 0, []))).toBe('down');
  expect(await failureKind(store.beat(nodeId, false))).toBe('down');
  expect(await failureKind(store.readSlots())).toBe('down');
  await store.close();
});
