// The two tables every concept fills: what an event does to a run, and how a command is compared with the event it wrote.

import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import type { CommandAttributes, EventAttributes, Run } from './run.ts';

type EventCase = EventAttributes['$case'];
type EventValue<C extends EventCase> = Extract<EventAttributes, { $case: C }>['value'];
type CommandCase = CommandAttributes['$case'];
type CommandValue<C extends CommandCase> = Extract<CommandAttributes, { $case: C }>['value'];

/**
 * What an event is to an activation: a *head* is taken before anything runs; an *input* is delivered before main runs on, a *result* after; a *block* event is the
 * WorkflowTaskCompleted or was written by a command; the *rest* the code never sees.
 */
export type EventRule<V> =
  | { readonly role: 'head'; deliver(run: Run, value: V): void }
  | { readonly role: 'input'; deliver(run: Run, value: V, eventId: bigint): void }
  | { readonly role: 'result'; deliver(run: Run, value: V): void }
  | { readonly role: 'start' | 'task' | 'rest' }
  | { readonly role: 'command'; completedEventId(value: V): bigint };

/** One entry per event case: the compiler names what is missing. */
export type EventRules = { readonly [C in EventCase]: EventRule<EventValue<C>> };

/** How a command is named, and which event it writes. */
export interface CommandRule<V, E extends EventCase> {
  readonly event: E;
  /** The step in words, for NondeterminismError. */
  produced(value: V): string;
  recorded(value: EventValue<E>): string;
  /** Number and name agree. */
  same(produced: V, recorded: EventValue<E>): boolean;
  /** Strict replay compares these too. */
  input?(produced: V, recorded: EventValue<E>): readonly [readonly Payload[], readonly Payload[]];
  site?(recorded: EventValue<E>): string;
}

/** One entry per command case: the compiler names what is missing. */
export type CommandRules = { readonly [C in CommandCase]: CommandRule<CommandValue<C>, EventCase> };

/** Lets a concept write a rule with full types; the table needs them widened to any event. */
export function commandRule<C extends CommandCase, E extends EventCase>(
  _command: C,
  rule: CommandRule<CommandValue<C>, E>,
): CommandRule<CommandValue<C>, EventCase> {
  return rule as unknown as CommandRule<CommandValue<C>, EventCase>;
}
