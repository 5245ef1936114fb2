/**
 * The only way out of a step: facts are recorded (which appends and folds them), everything else is read off the state
 * afterwards. `record` is the same fold that recovery runs over the stored log.
 */
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { UpdateOutcome } from '@perdure/proto/perdure/api/v1/workflow_service';
import type { Mark } from '@perdure/proto/perdure/server/v1/mark';
import type { PerdureError } from '../errors.ts';
import type { Successor } from './chain.ts';
import { encodeFrame } from './frames.ts';
import type { RunState } from './state.ts';
import { toTimestamp } from './time.ts';

/** What a step may know: the time, and fresh ids (also the source of seeds and jitter). */
export interface StepEnv {
  readonly now: number;
  newId(): string;
}

export interface Recorded {
  readonly id: number;
  readonly frame: Uint8Array;
}

/** How facts change the state: given by the step, so that concepts can record without knowing each other. */
export interface Folds {
  event(state: RunState, event: HistoryEvent, bytes: number): void;
  mark(state: RunState, mark: Mark): void;
}

/** What became of an update: told to those who wait for it when the transition is committed. */
export type UpdateNews =
  | { readonly kind: 'accepted'; readonly updateId: string }
  | { readonly kind: 'completed'; readonly updateId: string; readonly outcome: UpdateOutcome }
  /** The run that follows is to be asked. */
  | { readonly kind: 'moved'; readonly updateId: string }
  | { readonly kind: 'refused'; readonly updateId: string; readonly error: PerdureError };

export interface Transition {
  readonly folds: Folds;
  readonly state: RunState;
  readonly env: StepEnv;
  readonly events: Recorded[];
  readonly marks: Mark[];
  /** Starts of attempts that need not be durable before the attempt is handed out; they join a later commit. */
  readonly lazyMarks: Mark[];
  /** The open workflow task is to be offered. */
  offerTask: boolean;
  /** Activities whose attempt is to be offered. */
  readonly offerActivities: number[];
  /** The run that is started in the commit of this transition, which closes the present one. */
  successor: Successor | undefined;
  /** There are effects to be delivered. */
  deliverEffects: boolean;
  updates: UpdateNews[] | undefined;
}

export function newTransition(state: RunState, env: StepEnv, folds: Folds): Transition {
  return {
    folds,
    state,
    env,
    events: [],
    marks: [],
    lazyMarks: [],
    offerTask: false,
    offerActivities: [],
    deliverEffects: false,
    successor: undefined,
    updates: undefined,
  };
}

/** Appends an event, not before `earliest` (ms since 1970), and folds it. Returns its id. */
export function record(t: Transition, attributes: NonNullable<HistoryEvent['attributes']>, earliest = 0): number {
  const id = t.state.nextEventId;
  // Event times never decrease within a run, whatever the clocks of its owners did.
  const time = Math.max(t.env.now, t.state.lastEventAt, earliest);
  const event: HistoryEvent = { id: BigInt(id), time: toTimestamp(time), attributes };
  const frame = encodeFrame(event);
  t.folds.event(t.state, event, frame.length);
  t.events.push({ id, frame });
  return id;
}

/** Appends an internal fact and folds it; a lazy one joins a later commit. */
export function mark(t: Transition, attributes: NonNullable<Mark['attributes']>, lazy = false): void {
  const made: Mark = { afterEventId: BigInt(t.state.nextEventId - 1), time: toTimestamp(t.env.now), attributes };
  t.folds.mark(t.state, made);
  (lazy ? t.lazyMarks : t.marks).push(made);
}

/** A number in [0, 1) from a fresh id: jitter without another source of randomness. */
export function jitter(env: StepEnv): number {
  return Number.parseInt(env.newId().slice(-8), 16) / 0x1_0000_0000;
}
