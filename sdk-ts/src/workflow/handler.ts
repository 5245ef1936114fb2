// Handlers of signals and updates: how they are started, counted and what their errors do.

import { isCancellation, readable } from '../common/failure.ts';
import { ContinueAsNew } from './continue-as-new.ts';
import { currentRun, getHost, type Run } from './run.ts';

/** An error of main or of a handler. A failure wins over a result that has not been sent yet. */
export function fail(run: Run, error: unknown): void {
  if (run.outcome === undefined || run.outcome.kind === 'completed') run.outcome = { kind: 'failed', error: readable(error) };
}

/**
 * Starts a handler in the root scope and counts it until it has ended. Its errors are treated like errors of main, but one that ends by
 * the cancellation of the run ends only itself: main decides what becomes of the run.
 */
export function startHandler(run: Run, name: string, call: () => unknown): void {
  const handler = { name };
  run.runningHandlers.add(handler);
  const failed = (thrown: unknown): void => {
    const error = readable(thrown);
    run.runningHandlers.delete(handler);
    if (run.root.cancelled === undefined || !isCancellation(error)) fail(run, inHandler(error, name));
  };
  let result: unknown;
  try {
    result = getHost().runInScope(run.root, call);
  } catch (error) {
    failed(error);
    return;
  }
  if (!isThenable(result)) {
    run.runningHandlers.delete(handler);
    return;
  }
  Promise.resolve(result).then(() => {
    run.runningHandlers.delete(handler);
  }, failed);
}

/** Only main decides that the run goes on as a new one. */
function inHandler(error: unknown, name: string): unknown {
  if (!(error instanceof ContinueAsNew)) return error;
  const advice = 'let the handler note what it wants, and the workflow function call continueAsNew';
  return new Error(`continueAsNew: called in the handler of ${name}; only the workflow function may: ${advice}`);
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** True when no handler of a signal or an update is running. The run waits for them before it closes unless setWorkflowOptions says otherwise. */
export function allHandlersFinished(): boolean {
  return currentRun('allHandlersFinished').runningHandlers.size === 0;
}
