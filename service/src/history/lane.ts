/**
 * The commit lanes: what waits goes into one statement, and the next leaves when that one lands. No flush timer. A run uses
 * one lane at a time, so its records are committed in order.
 */
import { MAX_QUEUED_BYTES } from '../core/limits.ts';
import { PerdureError } from '../errors.ts';
import { type CommitAnswer, StoreError } from '../store/store.ts';
import { counters } from '../telemetry/counters.ts';
import { type History, type LaneState, openKey } from './context.ts';
import { dropRun } from './memory.ts';
import { flushOffers } from './offers.ts';
import { toRecords } from './rows.ts';
import { type Change, Dropped, type HotRun, Refused, type Unit } from './run.ts';

/** Units over this size use the second lane, so that they do not delay the small ones. */
const LARGE_BYTES = 262_144;
const BATCH_RECORDS = 512;
const BATCH_BYTES = 4_194_304;
const OVERLOAD_RETRY_MS = 250;

export function createLanes(): LaneState[] {
  return [0, 1].map((index) => ({ index, queues: new Map(), queued: 0, queuedBytes: 0, inFlight: undefined, scheduled: false }));
}

/** Refuses work the queue has no room for: starts first, then requests; what is owed has its own quarter. */
export function admit(h: History, kind: Unit['kind']): void {
  const queued = h.lanes.reduce((sum, lane) => sum + lane.queued, 0);
  const bytes = h.lanes.reduce((sum, lane) => sum + lane.queuedBytes, 0);
  const share = kind === 'start' ? 0.5 : kind === 'request' ? 0.75 : 1;
  if (queued < h.options.queueLimit * share && bytes < MAX_QUEUED_BYTES * share) return;
  const facts = { queued: String(queued), bytes: String(bytes) };
  throw new PerdureError('OVERLOADED', `${queued} changes (${bytes} bytes) wait for the database`, facts, OVERLOAD_RETRY_MS);
}

/** Queues a unit. Its runs' later answers wait for it. */
export function enqueue(h: History, unit: Unit): void {
  const bound = unit.changes.find((change) => change.run.lastUnit !== undefined);
  const index = bound === undefined ? (unit.bytes > LARGE_BYTES ? 1 : 0) : bound.run.lane;
  for (const { run } of unit.changes) {
    run.lane = index;
    run.lastUnit = unit;
  }
  const lane = h.lanes[index] as LaneState;
  const queue = lane.queues.get(unit.namespaceId);
  if (queue === undefined) lane.queues.set(unit.namespaceId, [unit]);
  else queue.push(unit);
  lane.queued += 1;
  lane.queuedBytes += unit.bytes;
  schedule(h, lane);
}

function schedule(h: History, lane: LaneState): void {
  if (lane.scheduled || lane.inFlight !== undefined || lane.queued === 0) return;
  lane.scheduled = true;
  // After what is queued in the event loop now, so that requests read from the network together are written together.
  h.env.setTimer(0, () => {
    lane.scheduled = false;
    void pump(h, lane);
  });
}

async function pump(h: History, lane: LaneState): Promise<void> {
  if (lane.inFlight !== undefined) return;
  for (let units = take(lane); units.length > 0; units = take(lane)) {
    lane.inFlight = units;
    try {
      await write(h, lane, units);
    } catch (error) {
      h.log('error', 'a commit failed in an unforeseen way', { error: String(error) });
      fail(h, units, new PerdureError('UNAVAILABLE', 'the change could not be committed'));
    }
    lane.inFlight = undefined;
    flushOffers(h);
  }
}

/** Takes what fits a batch, namespaces in turn. */
function take(lane: LaneState): Unit[] {
  const units: Unit[] = [];
  const started = new Map<string, string>();
  let records = 0;
  let bytes = 0;
  while (lane.queued > 0) {
    let moved = false;
    for (const [namespaceId, queue] of lane.queues) {
      const turn = lane.queues.size === 1 ? queue.length : 64;
      let taken = 0;
      while (taken < turn && taken < queue.length) {
        const unit = queue[taken] as Unit;
        if (units.length > 0 && (records + unit.changes.length > BATCH_RECORDS || bytes + unit.bytes > BATCH_BYTES)) break;
        if (!joins(started, unit)) break;
        units.push(unit);
        records += unit.changes.length;
        bytes += unit.bytes;
        lane.queuedBytes -= unit.bytes;
        taken += 1;
      }
      moved ||= taken > 0;
      lane.queued -= taken;
      if (taken === queue.length) lane.queues.delete(namespaceId);
      else queue.splice(0, taken);
    }
    if (!moved) break;
  }
  return units;
}

/**
 * Whether the unit may join a batch that leaves the `started` runs open. The statement compares a start with the open runs that
 * are stored, not with other starts beside it: a second one of the same workflow id has to wait until the first is stored.
 */
function joins(started: Map<string, string>, unit: Unit): boolean {
  const open = unit.changes.filter(({ start, closes }) => start && !closes);
  const closed = unit.changes.filter(({ closes }) => closes);
  const nameOf = ({ run }: Change): string => openKey(run.key.namespaceId, run.key.workflowId);
  for (const change of open) {
    const other = started.get(nameOf(change));
    if (other !== undefined && !closed.some(({ run }) => run.key.runId === other)) return false;
  }
  for (const change of closed) if (started.get(nameOf(change)) === change.run.key.runId) started.delete(nameOf(change));
  for (const change of open) started.set(nameOf(change), change.run.key.runId);
  return true;
}

async function write(h: History, lane: LaneState, all: readonly Unit[]): Promise<void> {
  const isDropped = (unit: Unit): boolean => unit.changes.some((change) => change.run.dropped);
  const lost = all.filter(isDropped);
  if (lost.length > 0) fail(h, lost, new Dropped());
  const units = all.filter((unit) => unit.state === 'queued');
  if (units.length === 0) return;
  const before = new Map<HotRun, number>();
  for (const unit of units) for (const { run } of unit.changes) if (!before.has(run)) before.set(run, run.lastSeq);
  // Whatever comes of it concerns this incarnation of the node, not one that has replaced it meanwhile.
  const { nodeId } = h.node.info;
  const records = toRecords(units);
  try {
    const answer = await h.store.commit(nodeId, lane.index, records);
    counters.commits += 1;
    counters.records += records.length;
    settle(h, nodeId, units, answer);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    await giveUp(h, nodeId, lane, units, before, error);
  }
}

async function giveUp(
  h: History,
  nodeId: string,
  lane: LaneState,
  units: readonly Unit[],
  before: Map<HotRun, number>,
  error: StoreError,
): Promise<void> {
  if (error.kind === 'poison') {
    await isolate(h, lane, units, before, error);
  } else if (error.kind === 'ambiguous') {
    h.log('warn', 'the outcome of a commit is unknown; the node fences itself', { error: error.message, sqlState: error.sqlState });
    fail(h, units, new Dropped());
    h.up.selfFence(nodeId);
  } else if (error.kind === 'down') {
    fail(h, units, new PerdureError('DATABASE_UNAVAILABLE', 'the database cannot take changes now', {}, 1_000));
    h.up.databaseDown(nodeId, error.message);
  } else {
    // The store has tried again by itself; its callers may.
    h.log('warn', 'a batch was aborted too often', { error: error.message, sqlState: error.sqlState });
    fail(h, units, new PerdureError('UNAVAILABLE', 'the change could not be committed; try again', {}, 200));
  }
}

/** Halves a batch the database refuses until the bad unit stands alone; the rest is committed. */
async function isolate(h: History, lane: LaneState, units: readonly Unit[], before: Map<HotRun, number>, error: StoreError): Promise<void> {
  for (const [run, seq] of before) run.lastSeq = seq;
  if (units.length === 1) {
    const id = h.env.newId();
    h.log('error', 'the database refuses a change', { id, error: error.message, sqlState: error.sqlState });
    fail(h, units, new PerdureError('INTERNAL', `the change could not be stored (id ${id})`));
    return;
  }
  const half = units.length >> 1;
  await write(h, lane, units.slice(0, half));
  await write(h, lane, units.slice(half));
}

function settle(h: History, nodeId: string, units: readonly Unit[], answer: CommitAnswer): void {
  if (!answer.alive) {
    fail(h, units, new Dropped());
    h.up.fenced(nodeId, 'its row was deleted by another node');
    return;
  }
  const taken = new Map(answer.taken.map((each) => [each.runId, each.openRunId]));
  let wrong = false;
  for (const unit of units) {
    const refused = unit.changes.find((change) => !answer.written.has(change.run.key.runId));
    if (refused === undefined) {
      commit(h, unit);
      continue;
    }
    const { runId } = refused.run.key;
    const start = units.some((each) => each.changes.some((change) => change.start && change.run === refused.run));
    if (!start) wrong = true;
    fail(h, [unit], start ? new Refused(taken.get(runId)) : new Dropped());
  }
  if (wrong) h.up.fenced(nodeId, 'its memory disagrees with the log');
}

function commit(h: History, unit: Unit): void {
  unit.state = 'committed';
  for (const change of unit.changes) {
    const { run } = change;
    const last = change.events.at(-1);
    if (last !== undefined) run.committedEventId = last.id;
    if (run.lastUnit === unit) run.lastUnit = undefined;
    if (run.purgeMarksTo > 0) h.up.purgeMarks(run);
  }
  for (const change of unit.changes) if (!change.run.dropped) change.committed();
  for (const waiter of unit.waiting) waiter.resolve();
}

/** The units wrote nothing we could build on: their runs are dropped, with everything queued on them, and read again. */
export function fail(h: History, units: readonly Unit[], error: Error): void {
  for (const unit of units) {
    if (unit.state !== 'queued') continue;
    unit.state = 'failed';
    for (const waiter of unit.waiting) waiter.reject(error);
    for (const change of unit.changes) abandon(h, change);
  }
}

function abandon(h: History, { run }: Change): void {
  if (run.dropped) return;
  dropRun(h, run);
  h.up.revive(run.key);
}

/** Resolves when nothing is queued or in flight. */
export async function drained(h: History): Promise<void> {
  while (h.lanes.some((lane) => lane.queued > 0 || lane.inFlight !== undefined)) await pause(h, 5);
}

export function pause(h: History, ms: number): Promise<void> {
  return new Promise((resolve) => h.env.setTimer(ms, resolve));
}
