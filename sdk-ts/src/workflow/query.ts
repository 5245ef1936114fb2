// Queries: synchronous, read-only, answered from the state after an activation.

import type { QueryResult } from '@perdure/proto/perdure/api/v1/query';
import type { WorkflowQuery } from '@perdure/proto/perdure/api/v1/task';
import { errorToFailure } from '../common/failure.ts';
import { headersOf, intercepted } from '../common/interceptor.ts';
import { decodeValues, encodeValue } from '../common/payload-converter.ts';
import { isThenable } from './handler.ts';
import type { QueryInput, WorkflowInterceptors } from './interceptor.ts';
import { type DefaultQueryHandler, getHost, type QueryHandler, type Run, writableRun } from './run.ts';

/** Names a query, the type of its answer and of its arguments. Shared by workflows and clients. */
export interface QueryDefinition<Result, Args extends unknown[] = []> {
  readonly type: 'query';
  readonly name: string;
  /** Only for the compiler. */
  readonly args?: Args;
  /** Only for the compiler. */
  readonly result?: Result;
}

/** `const progress = defineQuery<number>('progress')`. */
export function defineQuery<Result, Args extends unknown[] = []>(name: string): QueryDefinition<Result, Args> {
  if (typeof name !== 'string' || name === '') throw new TypeError('defineQuery: the name must be text');
  return { type: 'query', name };
}

/** Sets, replaces or (undefined) removes a handler. */
export function setQueryHandler(name: string, handler: QueryHandler | undefined): void {
  const run = writableRun('setHandler');
  if (handler === undefined) run.queryHandlers.delete(name);
  else run.queryHandlers.set(name, handler);
}

/** Handles queries without a handler of their own. undefined removes it. */
export function setDefaultQueryHandler(handler: DefaultQueryHandler | undefined): void {
  writableRun('setDefaultQueryHandler').defaultQueryHandler = handler;
}

const BUILT_IN: Record<string, (run: Run) => unknown> = {
  __stack_trace: stackTrace,
  __handlers: handlerNames,
};

/** As of all payloads of one event. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;

/** Answers one query; whatever goes wrong is the answer. */
export function answerQuery(run: Run, query: WorkflowQuery): QueryResult {
  const name = query.queryType;
  const { random, readOnly } = run;
  run.readOnly = `the handler of query ${name}`;
  // Draws of a read-only call must not move the run's stream.
  run.random = [...random];
  try {
    const result = getHost().runInScope(run.root, () => call(run, query));
    if (isThenable(result)) throw new TypeError(`query ${name}: the handler must be synchronous`);
    const payload = encodeValue(run.converter, result, `answer of query ${name}`);
    const bytes = payload.data.length;
    if (bytes > MAX_ANSWER_BYTES)
      throw new RangeError(`the answer of query ${name} takes ${bytes} bytes, the limit is ${MAX_ANSWER_BYTES}`);
    return { queryId: query.queryId, outcome: { $case: 'result', value: payload } };
  } catch (error) {
    return { queryId: query.queryId, outcome: { $case: 'failure', value: errorToFailure(error, run.converter) } };
  } finally {
    run.readOnly = readOnly;
    run.random = random;
  }
}

function call(run: Run, query: WorkflowQuery): unknown {
  const name = query.queryType;
  const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
  if (builtIn !== undefined) return builtIn(run);
  const handler = run.queryHandlers.get(name);
  if (handler === undefined && run.defaultQueryHandler === undefined) {
    const known = [...run.queryHandlers.keys(), ...Object.keys(BUILT_IN)].sort();
    throw new Error(`no handler for query "${name}" (known: ${known.join(', ')})`);
  }
  const args = decodeValues(run.converter, query.args, `query ${name}`);
  const handle = intercepted<WorkflowInterceptors, QueryInput, unknown>(
    run.interceptors,
    ({ inbound }) => inbound?.handleQuery?.bind(inbound),
    (input) => (handler === undefined ? run.defaultQueryHandler?.(name, ...input.args) : handler(...(input.args as never[]))),
  );
  return handle({ queryName: name, args, headers: headersOf(query.header) });
}

/** What the run awaits, one block of text per step. */
function stackTrace(run: Run): string {
  const steps = [...run.activities.values(), ...run.timers.values(), ...run.children.values(), ...run.externals.values()].map((step) => ({
    label: step.label,
    site: step.site,
  }));
  const conditions = run.conditions.filter((waiting) => !waiting.done).map((waiting) => ({ label: 'condition', site: waiting.site }));
  const blocks = [...steps, ...conditions].map(({ label, site }) => `${label}\n${site?.stack ?? ''}`);
  const handlers = [...run.runningHandlers].map((handler) => handler.name);
  if (run.outcome !== undefined && handlers.length > 0) blocks.unshift(`main has ended; waiting for ${handlers.join(', ')}`);
  return blocks.join('\n\n');
}

function handlerNames(run: Run): unknown {
  return {
    signals: [...run.signalHandlers.keys()].sort(),
    defaultSignal: run.defaultSignalHandler !== undefined,
    queries: [...run.queryHandlers.keys()].sort(),
    defaultQuery: run.defaultQueryHandler !== undefined,
    updates: [...run.updateHandlers.keys()].sort(),
    defaultUpdate: run.defaultUpdateHandler !== undefined,
    running: [...run.runningHandlers].map((handler) => handler.name),
    waitingSignals: run.waitingSignals.map(({ signal }) => signal.signalName),
  };
}
