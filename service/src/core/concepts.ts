/**
 * The tables of all concepts. Mapped types over the protocol's oneof cases make the compiler name what is missing:
 * a new event, mark or command does not compile until its concept handles it.
 */
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { Mark } from '@perdure/proto/perdure/server/v1/mark';
import type { Flight, RunState } from './state.ts';
import type { Transition } from './transition.ts';

type EventAttributes = NonNullable<HistoryEvent['attributes']>;
type MarkAttributes = NonNullable<Mark['attributes']>;
type CommandAttributes = NonNullable<Command['attributes']>;
export type EventCase = EventAttributes['$case'];
export type MarkCase = MarkAttributes['$case'];
export type CommandCase = CommandAttributes['$case'];
export type EventValue<C extends EventCase> = Extract<EventAttributes, { $case: C }>['value'];
export type MarkValue<C extends MarkCase> = Extract<MarkAttributes, { $case: C }>['value'];
export type CommandValue<C extends CommandCase> = Extract<CommandAttributes, { $case: C }>['value'];

/** An event's head while it is folded: id and time in ms. */
export interface Head {
  readonly id: number;
  readonly time: number;
  readonly event: HistoryEvent;
}

export type EventFolds<C extends EventCase = EventCase> = { [K in C]: (state: RunState, value: EventValue<K>, head: Head) => void };
export type MarkFolds<C extends MarkCase = MarkCase> = { [K in C]: (state: RunState, value: MarkValue<K>, time: number) => void };

/** Signals that a completion names by their event ids, read from the log beside it. */
export type CarriedSignals = ReadonlyMap<number, EventValue<'workflowSignaled'>>;

/** What checking one completion's commands adds up: numbers and names used by the commands before. */
export interface CheckContext {
  readonly state: RunState;
  readonly signals: CarriedSignals;
  readonly flight: Flight;
  lastActivity: number;
  lastTimer: number;
  newActivities: number;
  newTimers: number;
  lastChild: number;
  lastExternal: number;
  newChildren: number;
  newSignalsOut: number;
  newCancelsOut: number;
  readonly activityIds: Set<string>;
  /** Ids of updates; absent while there are none. */
  accepted: Set<string> | undefined;
  completed: Set<string> | undefined;
  /** As they would be after the commands before. */
  memo: RunState['memo'];
  searchAttributes: RunState['searchAttributes'];
}

/** A command: `check` throws PerdureError BAD_COMMAND before anything is written; `apply` writes exactly one event. */
export interface CommandRule<V> {
  readonly closing?: true;
  /** A close that signals and cancel requests the task had not seen do not refuse. */
  readonly takesUnseen?: true;
  check(context: CheckContext, value: V): void;
  apply(t: Transition, value: V, completedEventId: bigint, signals: CarriedSignals): void;
  /** Events caused by the command, written after the last command event, and not at all when the completion closes the run. */
  caused?(t: Transition, value: V): void;
}

export type CommandRules<C extends CommandCase = CommandCase> = { [K in C]: CommandRule<CommandValue<K>> };

/** Marks an event as one that an activation delivers: the code must see it, so a workflow task is due. */
export function deliver(state: RunState, head: Head): void {
  if (state.task.lastDelivered <= state.task.seen) state.task.dueSince = head.time;
  state.task.lastDelivered = head.id;
}
