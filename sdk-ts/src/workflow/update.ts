// Updates: taken or rejected when they arrive, done by a handler, answered by what it returns.
//
// | an update                                   | live                                    | on replay                     |
// |---------------------------------------------|-----------------------------------------|-------------------------------|
// | has a handler, the validator does not throw | AcceptUpdate, the handler starts        | the same, without validator   |
// | the validator throws, or it cannot be read  | rejected, nothing is written            | is not in the log             |
// | has no handler                              | waits for setHandler within its activation, then rejected | waits the same way |
// | comes when main has ended                   | rejected                                | is not in the log             |
//
// What a handler throws: a Perdure failure (or a class of failureTypes) is the update's failure; anything else fails the task.

import type { UpdateRequest } from '@perdure/proto/perdure/api/v1/update';
import { errorToFailure } from '../common/failure.ts';
import { headersOf, intercepted } from '../common/interceptor.ts';
import { decodeValues, encodeValue } from '../common/payload-converter.ts';
import { fail, isThenable } from './handler.ts';
import type { UpdateInput, WorkflowInterceptors } from './interceptor.ts';
import { type CommandRules, commandRule, type EventRules } from './rules.ts';
import { type ArrivedUpdate, type CommandAttributes, getHost, produce, type Run, type UpdateHandler, writableRun } from './run.ts';
import { failsRun } from './workflow.ts';

/** Names an update, the type of its answer and of its arguments. Shared by workflows and clients. */
export interface UpdateDefinition<Result = void, Args extends unknown[] = []> {
  readonly type: 'update';
  readonly name: string;
  /** Only for the compiler. */
  readonly args?: Args;
  /** Only for the compiler. */
  readonly result?: Result;
}

/** `const addItem = defineUpdate<number, [item: string]>('addItem')`: the type of the answer, then those of the arguments. */
export function defineUpdate<Result = void, Args extends unknown[] = []>(name: string): UpdateDefinition<Result, Args> {
  if (typeof name !== 'string' || name === '') throw new TypeError('defineUpdate: the name must be text');
  return { type: 'update', name };
}

/** How a handler of updates is set. */
export interface UpdateHandlerOptions<Args extends unknown[]> {
  /**
   * Called with the arguments before the update is taken: if it throws, the update is rejected with that error and nothing is
   * written. It must be synchronous and only read. Not called again on replay.
   */
  validator?: ((...args: Args) => void) | undefined;
}

export const updateEvents: Pick<EventRules, 'updateAccepted' | 'updateCompleted' | 'updateAdmitted'> = {
  updateAccepted: { role: 'command', completedEventId: (value) => value.completedEventId },
  updateCompleted: { role: 'command', completedEventId: (value) => value.completedEventId },
  // The service asks it with a task, like any other.
  updateAdmitted: { role: 'rest' },
};

export const updateCommands: Pick<CommandRules, 'acceptUpdate' | 'completeUpdate'> = {
  acceptUpdate: commandRule('acceptUpdate', {
    event: 'updateAccepted',
    produced: (value) => `accept update ${value.updateId}`,
    recorded: (value) => `accept update ${value.request?.updateId ?? ''} (${value.request?.updateName ?? ''})`,
    same: (produced, recorded) => produced.updateId === recorded.request?.updateId,
  }),
  completeUpdate: commandRule('completeUpdate', {
    event: 'updateCompleted',
    produced: (value) => `complete update ${value.updateId}`,
    recorded: (value) => `complete update ${value.updateId}`,
    same: (produced, recorded) => produced.updateId === recorded.updateId,
  }),
};

/** Hands an update over, or keeps it until a handler is set in this activation. */
export function deliverUpdate(run: Run, update: ArrivedUpdate): void {
  if (canHand(run, update.request)) hand(run, update);
  else run.waitingUpdates.push(update);
}

function canHand(run: Run, request: UpdateRequest): boolean {
  return run.updateHandlers.has(request.updateName) || run.defaultUpdateHandler !== undefined;
}

/**
 * For a task that brings nothing but updates: asks the validators, up to the first update that is taken, before anything of the run
 * moves. Answers what is left to be delivered; with nothing left all are rejected, and no activation may run.
 */
export function siftUpdates(run: Run, requests: readonly UpdateRequest[]): ArrivedUpdate[] {
  const kept: ArrivedUpdate[] = [];
  for (const [at, request] of requests.entries()) {
    const update = { request, validate: true };
    if (!canHand(run, request)) kept.push(update);
    else if (readArgs(run, update) !== undefined) {
      const rest = requests.slice(at + 1).map((later) => ({ request: later, validate: true }));
      return [...kept, { request, validate: false }, ...rest];
    }
  }
  for (const { request } of kept) rejectUnhandled(run, request);
  return [];
}

/** The arguments of an update that is taken; undefined when it has been rejected. */
function readArgs(run: Run, { request, validate }: ArrivedUpdate): unknown[] | undefined {
  const { updateName: name, updateId } = request;
  const { random, readOnly } = run;
  run.readOnly = `the validator of update ${name}`;
  // Draws of a read-only call must not move the run's stream.
  run.random = [...random];
  try {
    const args = decodeValues(run.converter, request.args, `update ${name}`);
    if (!validate) return args;
    // Its main has ended: nobody would wait for what the handler does.
    if (run.outcome !== undefined) throw new Error('the workflow has ended and only waits for its handlers');
    const answer = getHost().runInScope(run.root, () => callValidator(run, name, args));
    if (isThenable(answer)) throw new TypeError(`update ${name}: the validator must be synchronous`);
    return args;
  } catch (error) {
    run.rejectedUpdates.push({ updateId, failure: errorToFailure(error, run.converter) });
    return undefined;
  } finally {
    run.readOnly = readOnly;
    run.random = random;
  }
}

function callValidator(run: Run, name: string, args: unknown[]): unknown {
  const handler = run.updateHandlers.get(name);
  return handler === undefined ? run.defaultUpdateHandler?.validator?.(name, ...args) : handler.validator?.(...(args as never[]));
}

function rejectUnhandled(run: Run, { updateId, updateName }: UpdateRequest): void {
  const known = [...run.updateHandlers.keys()].sort().join(', ');
  const error = new Error(`no handler for update "${updateName}" (known: ${known === '' ? 'none' : known})`);
  run.rejectedUpdates.push({ updateId, failure: errorToFailure(error, run.converter) });
}

/** At rest: what has found no handler finds none. */
export function rejectWaiting(run: Run): void {
  for (const { request, validate } of run.waitingUpdates.splice(0)) if (validate) rejectUnhandled(run, request);
}

function hand(run: Run, update: ArrivedUpdate): void {
  const { updateId, updateName: name } = update.request;
  const args = readArgs(run, update);
  if (args === undefined) return;
  produce(run, { $case: 'acceptUpdate', value: { updateId } }, undefined);
  const handler = run.updateHandlers.get(name);
  const fallback = run.defaultUpdateHandler;
  const call = (input: UpdateInput): unknown =>
    handler === undefined ? fallback?.handler(name, ...input.args) : handler.handler(...(input.args as never[]));
  const handle = intercepted<WorkflowInterceptors, UpdateInput, unknown>(
    run.interceptors,
    ({ inbound }) => inbound?.handleUpdate?.bind(inbound),
    call,
  );
  const headers = headersOf(update.request.header);
  startUpdate(run, update.request, () => handle({ updateName: name, updateId, args, headers }));
}

/** Starts the handler in the root scope and counts it until it has ended; then the update is complete. */
function startUpdate(run: Run, { updateId, updateName: name }: UpdateRequest, call: () => unknown): void {
  const handler = { name: `update ${name}` };
  run.runningHandlers.add(handler);
  const end = (makeOutcome: () => Extract<CommandAttributes, { $case: 'completeUpdate' }>['value']['outcome']): void => {
    run.runningHandlers.delete(handler);
    if (run.closed) return;
    try {
      produce(run, { $case: 'completeUpdate', value: { updateId, outcome: makeOutcome() } }, undefined);
    } catch (error) {
      fail(run, error);
    }
  };
  const succeeded = (value: unknown): void =>
    end(() => ({ $case: 'result', value: encodeValue(run.converter, value, `answer of update ${name}`) }));
  const failed = (error: unknown): void =>
    end(() => {
      if (!failsRun(run, error)) throw error;
      return { $case: 'failure', value: errorToFailure(error, run.converter) };
    });
  let result: unknown;
  try {
    result = getHost().runInScope(run.root, call);
  } catch (error) {
    failed(error);
    return;
  }
  if (isThenable(result)) Promise.resolve(result).then(succeeded, failed);
  else succeeded(result);
}

/** Sets, replaces or (undefined) removes a handler; what waited for it is handed over now, in order. */
export function setUpdateHandler(name: string, handler: UpdateHandler['handler'] | undefined, validator: UpdateHandler['validator']): void {
  const run = writableRun('setHandler');
  if (handler === undefined) run.updateHandlers.delete(name);
  else run.updateHandlers.set(name, { handler, validator });
  handOver(run);
}

/** Handles updates without a handler of their own; validator and handler get the name first. undefined removes it. */
export function setDefaultUpdateHandler(
  handler: ((name: string, ...args: unknown[]) => unknown) | undefined,
  options: UpdateHandlerOptions<[name: string, ...args: unknown[]]> = {},
): void {
  const run = writableRun('setDefaultUpdateHandler');
  run.defaultUpdateHandler = handler === undefined ? undefined : { handler, validator: options.validator };
  handOver(run);
}

function handOver(run: Run): void {
  // As with signals: a handler may set another one while we hand over.
  const { waitingUpdates: waiting } = run;
  for (let at = 0; at < waiting.length; ) {
    const update = waiting[at] as ArrivedUpdate;
    if (!canHand(run, update.request)) at += 1;
    else {
      waiting.splice(at, 1);
      hand(run, update);
    }
  }
}
