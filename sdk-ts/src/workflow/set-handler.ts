// setHandler: one function for every kind of definition.

import type { JsonArgs } from '../common/types.ts';
import { type QueryDefinition, setQueryHandler } from './query.ts';
import { type SignalDefinition, setSignalHandler } from './signal.ts';

type Handler = ((...args: never[]) => unknown) | undefined;

const SETTERS: Record<'signal' | 'query', (name: string, handler: Handler) => void> = {
  signal: setSignalHandler,
  query: setQueryHandler,
};

/**
 * Connects a signal or query with a function; undefined takes it away.
 * A signal handler may be async; signals that came before it was set are handed over now, in order. A query handler must be synchronous.
 * The definition alone says the types: a handler may take fewer arguments, and gets each as it is after its way through JSON (a Date as text).
 */
export function setHandler<Args extends unknown[]>(
  definition: SignalDefinition<Args>,
  handler: ((...args: JsonArgs<Args>) => void | Promise<void>) | undefined,
): void;
export function setHandler<Result, Args extends unknown[]>(
  definition: QueryDefinition<Result, Args>,
  handler: ((...args: JsonArgs<Args>) => NoInfer<Result>) | undefined,
): void;
export function setHandler(definition: { readonly type: 'signal' | 'query'; readonly name: string }, handler: Handler): void {
  const set = SETTERS[definition?.type];
  if (set === undefined) throw new TypeError('setHandler: the first argument must come from defineSignal or defineQuery');
  if (handler !== undefined && typeof handler !== 'function')
    throw new TypeError(`setHandler: the handler of ${definition.name} must be a function`);
  set(definition.name, handler);
}
