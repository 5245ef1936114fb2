// One run driven by hand: its state, its clock and the log that a store would hold. What is committed is encoded, so that loading reads real bytes.
import type { WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import { type Mark, Marks } from '@perdure/proto/perdure/server/v1/mark';
import { isStartMarkWanted } from '../../../src/core/activity.ts';
import type { Successor } from '../../../src/core/chain.ts';
import type { CarriedSignals } from '../../../src/core/concepts.ts';
import { foldEvent, foldMark } from '../../../src/core/fold.ts';
import { decodeFrame, joinFrames, splitFrames } from '../../../src/core/frames.ts';
import { emptyState, type Identity, type RunState } from '../../../src/core/state.ts';
import { type InputKind, type Inputs, settleOnly, step } from '../../../src/core/step.ts';
import type { Recorded, Transition } from '../../../src/core/transition.ts';
import { PerdureError } from '../../../src/errors.ts';

/** When scripts begin, ms since 1970: any time that is not 0. */
export const BEGIN = 1_800_000_000_000;

const identity: Identity = { namespaceId: '00000000-0000-7000-8000-000000000001', workflowId: 'order-7', runId: 'run-1' };

export interface Row {
  readonly events: Uint8Array;
  readonly marks: Uint8Array;
}

export interface Run {
  readonly identity: Identity;
  state: RunState;
  now: number;
  ids: number;
  readonly log: Row[];
  /** Start marks that wait for the next commit. */
  lazy: Mark[];
}

export function newRun(): Run {
  return { identity, state: emptyState(identity, 0), now: BEGIN, ids: 0, log: [], lazy: [] };
}

/** The run that a transition has named as the one to follow, begun. */
export function nextRun(run: Run, successor: Successor): { next: Run; transition: Transition } {
  const next = { ...run, identity: { ...identity, runId: successor.started.runId }, log: [], lazy: [] };
  next.state = emptyState(next.identity, run.state.live.claimedAt);
  return { next, transition: apply(next, 'succeed', { successor, closedAt: run.state.closedAt }).transition };
}

/** The signals of the committed log that a completion may carry into the next run. */
export function loggedSignals(run: Run): CarriedSignals {
  const events = run.log.flatMap((row) => splitFrames(row.events).map(decodeFrame));
  return new Map(
    events.flatMap(({ id, attributes }) => (attributes?.$case === 'workflowSignaled' ? [[Number(id), attributes.value]] : [])),
  );
}

export type Stepped<K extends InputKind> = { readonly transition: Transition } & (
  | { readonly answer: Inputs[K][1]; readonly refused?: undefined }
  | { readonly refused: PerdureError }
);

/** Steps the run and commits what the step wrote, as the owner of a run does; refusals are answers too. */
export function apply<K extends InputKind>(run: Run, kind: K, input: Inputs[K][0]): Stepped<K> {
  const env = { now: run.now, newId: () => newId(run) };
  try {
    const { transition, answer } = step(run.state, kind, input, env);
    commit(run, transition);
    return { transition, answer };
  } catch (error) {
    if (!(error instanceof PerdureError)) throw error;
    const transition = settleOnly(run.state, env);
    commit(run, transition);
    return { transition, refused: error };
  }
}

/** The last 8 digits, from which jitter is drawn, stand in the middle: delays come out without jitter. */
function newId(run: Run): string {
  run.ids += 1;
  return `${String(run.ids).padStart(8, '0')}-0000-7000-8000-000080000000`;
}

function commit(run: Run, transition: Transition): void {
  run.lazy.push(...transition.lazyMarks);
  if (transition.events.length > 0 || transition.marks.length > 0) write(run, transition.events, transition.marks);
}

/** The lazy marks leave by themselves after a while. */
export function flush(run: Run): void {
  if (run.lazy.length > 0) write(run, [], []);
}

function write(run: Run, events: readonly Recorded[], marks: readonly Mark[]): void {
  const all = [...run.lazy.filter((mark) => isStartMarkWanted(run.state, mark)), ...marks];
  run.lazy = [];
  if (events.length === 0 && all.length === 0) return;
  run.log.push({ events: joinFrames(events.map(({ frame }) => frame)), marks: Marks.encode({ marks: all }).finish() });
}

/** Folds the log from the first row. `claimedAt`: when the slot was claimed. */
export function foldLog({ log, identity: named }: Pick<Run, 'log' | 'identity'>, claimedAt: number): RunState {
  const state = emptyState(named, claimedAt);
  for (const row of log) {
    const { marks } = Marks.decode(row.marks);
    let next = 0;
    const upTo = (eventId: number): void => {
      for (let mark = marks[next]; mark !== undefined && Number(mark.afterEventId) <= eventId; mark = marks[next]) {
        foldMark(state, mark);
        next += 1;
      }
    };
    for (const frame of splitFrames(row.events)) {
      upTo(state.nextEventId - 1);
      foldEvent(state, decodeFrame(frame), frame.length);
    }
    upTo(Number.POSITIVE_INFINITY);
  }
  return state;
}

/** The run is read again, by another owner or by the `same` one: memory and what was not committed are lost. */
export function reload(run: Run, same = false): Transition {
  run.lazy = [];
  run.state = foldLog(run, same ? run.state.live.claimedAt : run.now);
  run.state.live.loadedAt = run.now;
  return apply(run, 'due', undefined).transition;
}

/** A worker process as it describes itself. */
export function worker(name: string): WorkerInfo {
  return { workerId: name, identity: name, buildId: 'b1', sdkName: 'ts', sdkVersion: '1' };
}
