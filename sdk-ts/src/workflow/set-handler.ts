// setHandler: one function for every kind of definition.

import type { JsonArgs } from '../common/types.ts';
import { type QueryDefinition, setQueryHandler } from './query.ts';
import { type SignalDefinition, setSignalHandler } from './signal.ts';
import { setUpdateHandler, type UpdateDefinition, type UpdateHandlerOptions } from './update.ts';

type Handler = ((...args: never[]) => unknown) | undefined;

type Kind = 'signal' | 'query' | 'update';

const SETTERS: Record<Kind, (name: string, handler: Handler, validator: ((...args: never[]) => void) | undefined) => void> = {
  signal: setSignalHandler,
  query: setQueryHandler,
  update: setUpdateHandler,
};

/**
 * Connects a signal, query or update with a function; undefined takes it away.
 * A signal handler may be async; signals that came before it was set are handed over now, in order. A query handler must be synchronous.
 * An update handler may be async: what it returns is the answer. It is awaited before the run closes, see setWorkflowOptions.
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
export function setHandler<Result, Args extends unknown[]>(
  definition: UpdateDefinition<Result, Args>,
  handler: ((...args: JsonArgs<Args>) => NoInfer<Result> | Promise<NoInfer<Result>>) | undefined,
  options?: UpdateHandlerOptions<JsonArgs<Args>>,
): void;
export function setHandler(
  definition: { readonly type: Kind; readonly name: string },
  handler: Handler,
  options: { validator?: ((...args: never[]) => void) | undefined } = {},
): void {
  const set = SETTERS[definition?.type];
  if (set === undefined) throw new TypeError('setHandler: the first argument must come from defineSignal, defineQuery or defineUpdate');
  if (handler !== undefined && typeof handler !== 'function')
    throw new TypeError(`setHandler: the handler of ${definition.name} must be a function`);
  const { validator } = options;
  if (validator !== undefined && typeof validator !== 'function')
    throw new TypeError(`setHandler: the validator of ${definition.name} must be a function`);
  set(definition.name, handler, validator);
}
