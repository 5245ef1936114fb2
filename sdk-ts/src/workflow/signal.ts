// Signals: delivered in the order of the log, started before anything else of an activation; those without a handler wait for one.

import type { WorkflowSignaled } from '@perdure/proto/perdure/api/v1/signal';
import { headersOf, intercepted } from '../common/interceptor.ts';
import { decodeValues } from '../common/payload-converter.ts';
import { ContinueAsNew } from './continue-as-new.ts';
import { startHandler } from './handler.ts';
import type { SignalInput, WorkflowInterceptors } from './interceptor.ts';
import { log } from './log.ts';
import type { EventRules } from './rules.ts';
import { type DefaultSignalHandler, type Run, type SignalHandler, writableRun } from './run.ts';

/** Names a signal and the types of its arguments. Shared by workflows and clients. */
export interface SignalDefinition<Args extends unknown[] = []> {
  readonly type: 'signal';
  readonly name: string;
  /** Only for the compiler. */
  readonly args?: Args;
}

/** `const approve = defineSignal<[by: string]>('approve')`. */
export function defineSignal<Args extends unknown[] = []>(name: string): SignalDefinition<Args> {
  if (typeof name !== 'string' || name === '') throw new TypeError('defineSignal: the name must be text');
  return { type: 'signal', name };
}

export const signalEvents: Pick<EventRules, 'workflowSignaled'> = {
  workflowSignaled: {
    role: 'input',
    deliver(run, value, eventId) {
      if (canHand(run, value)) hand(run, value);
      else run.waitingSignals.push({ eventId, signal: value });
    },
  },
};

/** Once the code has continued as new, what comes belongs to the new run. */
function canHand(run: Run, signal: WorkflowSignaled): boolean {
  if (run.outcome?.kind === 'failed' && run.outcome.error instanceof ContinueAsNew) return false;
  return run.signalHandlers.has(signal.signalName) || run.defaultSignalHandler !== undefined;
}

/** Hands a signal to its handler. */
function hand(run: Run, signal: WorkflowSignaled): void {
  const { signalName: name } = signal;
  const handler = run.signalHandlers.get(name);
  const fallback = run.defaultSignalHandler;
  let args: unknown[];
  try {
    args = decodeValues(run.converter, signal.input, `signal ${name}`);
  } catch (error) {
    // Anybody may send a signal: one that cannot be read must not block the run.
    log.warn(`signal ${name} skipped: ${(error as Error).message}`, { signal: name });
    return;
  }
  const call = (input: SignalInput): unknown =>
    handler === undefined ? fallback?.(name, ...input.args) : handler(...(input.args as never[]));
  const handle = intercepted<WorkflowInterceptors, SignalInput, unknown>(
    run.interceptors,
    ({ inbound }) => inbound?.handleSignal?.bind(inbound),
    call,
  );
  startHandler(run, `signal ${name}`, () => handle({ signalName: name, args, headers: headersOf(signal.header) }));
}

/** Sets, replaces or (undefined) removes a handler; what waited for it is handed over now, in order. */
export function setSignalHandler(name: string, handler: SignalHandler | undefined): void {
  const run = writableRun('setHandler');
  if (handler === undefined) run.signalHandlers.delete(name);
  else run.signalHandlers.set(name, handler);
  handOver(run);
}

/** Handles signals without a handler of their own. undefined removes it. */
export function setDefaultSignalHandler(handler: DefaultSignalHandler | undefined): void {
  const run = writableRun('setDefaultSignalHandler');
  run.defaultSignalHandler = handler;
  handOver(run);
}

function handOver(run: Run): void {
  // A handler may set another one while we hand over: that call works on the same list, so that nothing is lost or overtaken.
  const { waitingSignals: waiting } = run;
  for (let at = 0; at < waiting.length; ) {
    const { signal } = waiting[at] as Run['waitingSignals'][number];
    if (!canHand(run, signal)) at += 1;
    else {
      waiting.splice(at, 1);
      hand(run, signal);
    }
  }
}
