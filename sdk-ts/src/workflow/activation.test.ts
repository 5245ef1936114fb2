// The order inside one activation, and what closes a run.

import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, lines, type RunLog } from '../../test/support/run-log.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('activation.ts', { failureTypes: { '*': ['KnownError'] } });
}, 20_000);
afterAll(() => engine.close());

async function started(type: string, ...args: unknown[]): Promise<RunLog> {
  const log = createRunLog(type, args);
  await log.run(engine);
  return log;
}

async function next(log: RunLog): Promise<string[]> {
  return lines(await log.run(engine));
}

describe('inputs before results, outcome last', () => {
  test('R-REPLAY-3: main ends in the same activation in which a handler starts an activity: the run stays open', async () => {
    const log = await started('timerOrSignal');
    log.fire(1);
    log.signal('push', 1);
    const completion = await log.run(engine);
    expect(lines(completion)).toEqual(['activity 1 work("from handler")']);
    expect(completion.waitingForHandlers).toBe(true);
    log.completeActivity(1);
    expect(await next(log)).toEqual(['complete "main"']);
  });

  test('a workflow may ask not to wait for its handlers', async () => {
    const log = await started('withoutWaiting');
    log.fire(1);
    log.signal('push', 1);
    expect(await next(log)).toEqual(['activity 1 work("from handler")', 'complete "main"']);
  });

  test('R-REPLAY-2: a condition wakes only when all signals of the activation have been handed over', async () => {
    const log = await started('drain');
    log.signal('push', 'a');
    log.signal('push', 'b');
    expect(await next(log)).toEqual(['complete ["a","b"]']);
  });

  test('R-REPLAY-2: signals that came with the start are delivered before main looks', async () => {
    const log = createRunLog('lookOnce');
    log.signal('push', 'early');
    expect(await next(log)).toEqual(['complete ["early"]']);
  });

  test('R-REPLAY-2: a signal in the activation of the time-out wins over it', async () => {
    const log = await started('waitAtMost');
    log.fire(1);
    log.signal('push', 1);
    expect(await next(log)).toEqual(['cancel timer 1', 'complete true']);
  });

  test('a time-out answers false when nothing else happened', async () => {
    const log = await started('waitAtMost');
    log.fire(1);
    expect(await next(log)).toEqual(['complete false']);
  });

  test('R-REPLAY-2: the time-out asks the predicate once more, after the results of the same activation', async () => {
    const log = await started('timeoutAndResult');
    log.fire(1);
    log.completeActivity(1);
    expect(await next(log)).toEqual(['complete true']);
  });

  test('R-REPLAY-2: reactions run after each condition that wakes: a lock holds', async () => {
    const log = await started('mutex');
    log.signal('push', 1);
    expect(await next(log)).toEqual(['complete 1']);
  });

  test('R-SIGNAL-3: signals without a handler wait, and are handed over in order', async () => {
    const log = await started('lateHandlers');
    log.signal('push', 1);
    log.signal('unknown', 'x');
    log.signal('push', 2);
    expect(await next(log)).toEqual([]);
    log.fire(1);
    expect(await next(log)).toEqual(['complete [1,2,["unknown","x"]]']);
  });

  test('R-SIGNAL-3: a handler that sets another loses and overtakes nothing', async () => {
    const log = await started('handlersFromHandlers');
    log.signal('second', 1);
    log.signal('first');
    log.signal('second', 2);
    expect(await next(log)).toEqual([]);
    log.fire(1);
    expect(await next(log)).toEqual(['complete ["first",1,2]']);
  });

  test('a signal that cannot be read is skipped', async () => {
    const log = await started('drain');
    const input = [{ encoding: 'json/plain', data: new TextEncoder().encode('{broken'), metadata: {} }];
    log.add({ $case: 'workflowSignaled', value: { signalName: 'push', input, header: undefined, identity: '', requestId: '' } });
    expect(await next(log)).toEqual([]);
    log.signal('push', 'good');
    expect(await next(log)).toEqual(['complete ["good"]']);
  });
});

describe('timers', () => {
  test('R-SANDBOX-2: setTimeout and clearTimeout are timers of the log', async () => {
    const log = createRunLog('timeouts');
    expect(await next(log)).toEqual(['timer 1 500', 'timer 2 1000', 'timer 3 100']);
    log.fire(3);
    expect(await next(log)).toEqual(['cancel timer 1', 'timer 4 1000']);
    log.fire(2);
    log.fire(4);
    expect(await next(log)).toEqual(['complete ["later"]']);
  });
});

describe('cancellation', () => {
  test('R-REPLAY-6: wait takes whatever comes, try and abandon end at once', async () => {
    const log = await started('cancelKinds');
    log.cancel();
    expect(await next(log)).toEqual(['cancel activity 1', 'cancel activity 2']);
    log.completeActivity(2, 'too late');
    log.completeActivity(3, 'too late');
    log.completeActivity(1, 'in the end');
    expect(await next(log)).toEqual(['complete [["wait","in the end"],["try",true],["abandon",true]]']);
  });

  test('R-REPLAY-6: a result below the cancel request settles an activity of type wait', async () => {
    const log = await started('cancelKinds');
    log.cancel();
    const of = log.task();
    // Unseen by the task that asks to cancel.
    log.completeActivity(1, 'crossed');
    const answer = await engine.activate(of);
    if (answer.kind !== 'completed') throw new Error(answer.kind);
    engine.committed(log.runId, log.append(answer.completion, of), false);
    engine.evict(log.runId);
    expect(await next(log)).toEqual(['complete [["wait","crossed"],["try",true],["abandon",true]]']);
  });

  test('a run that ends by cancellation after a request is canceled; clean-up is protected', async () => {
    const log = await started('cancelAndClean');
    log.cancel('enough');
    expect(await next(log)).toEqual(['cancel timer 1', 'activity 1 work("clean up")']);
    log.completeActivity(1);
    expect(await next(log)).toEqual(['cancel']);
  });

  test('a handler that the cancel request ends leaves the clean-up of main alone', async () => {
    const log = await started('cancelledHandler');
    log.signal('push', 1);
    await log.run(engine);
    log.cancel();
    expect(await next(log)).toEqual(['cancel timer 1', 'activity 1 work("clean up")']);
    log.completeActivity(1);
    expect(await next(log)).toEqual(['complete "cleaned up"']);
  });

  test('shield: the work goes on, the waiting ends', async () => {
    const log = await started('shielded');
    log.cancel();
    expect(await next(log)).toEqual(['complete "CancelledFailure"']);
  });

  test('withTimeout cancels what takes too long, and stops its timer when it did not', async () => {
    const slow = await started('timeLimited');
    slow.fire(1);
    expect(await next(slow)).toEqual(['cancel activity 1']);
    slow.cancelActivity(1);
    expect(await next(slow)).toEqual(['complete "too late"']);
    const quick = await started('timeLimited');
    quick.completeActivity(1);
    expect(await next(quick)).toEqual(['cancel timer 1', 'complete "in time"']);
  });

  test('steps after an await belong to the scope they are written in', async () => {
    const log = await started('scopesAfterAwait');
    expect([...log.openTimers, ...log.openActivities]).toEqual([1, 1, 2]);
    log.completeActivity(1);
    log.completeActivity(2);
    expect(await next(log)).toEqual(['timer 2 3600000', 'timer 3 3600000']);
    log.cancel();
    expect(await next(log)).toEqual(['cancel timer 2', 'cancel timer 1']);
    engine.evict(log.runId);
    log.fire(3);
    expect(await next(log)).toEqual(['complete ["limited CancelledFailure","protected slept"]']);
  });

  test('R-REPLAY-5: start and cancel in one task are two commands', async () => {
    const log = createRunLog('startAndCancel');
    expect(await next(log)).toEqual(['timer 1 60000', 'activity 1 work("x")', 'cancel timer 1', 'cancel activity 1', 'complete "done"']);
  });
});

describe('failures', () => {
  test('any Perdure failure fails the run', async () => {
    const log = createRunLog('failing', ['application']);
    const completion = await log.run(engine);
    expect(lines(completion)).toEqual(['fail application no']);
    const command = completion.commands[0]?.attributes;
    if (command?.$case !== 'failWorkflow') throw new Error('unreachable');
    expect(command.value.failure?.info).toMatchObject({ value: { type: 'Refused', nonRetryable: true } });
    expect(command.value.failure?.stackTrace).toMatch(/at failing \(sdk-ts\/test\/workflows\/activation\.ts:\d+:\d+\)/);
  });

  test('a failed activity that is not caught fails the run, with the chain of causes', async () => {
    const log = await started('failing', 'activity');
    log.failActivity(1, new RangeError('deep'));
    const completion = await log.run(engine);
    expect(lines(completion)).toEqual(['fail activity activity work failed: deep']);
    const command = completion.commands[0]?.attributes;
    if (command?.$case !== 'failWorkflow') throw new Error('unreachable');
    expect(command.value.failure?.cause?.info).toMatchObject({ value: { type: 'RangeError' } });
  });

  test('anything else fails the task and leaves the run as it was', async () => {
    const log = createRunLog('failing', ['bug']);
    const answer = await engine.activate(log.task());
    expect(answer).toMatchObject({ kind: 'failed', cause: WorkflowTaskFailureCause.WORKFLOW_ERROR, failure: { message: 'a bug' } });
    expect(log.events).toHaveLength(1);
  });

  test('unless its class is named in failureTypes', async () => {
    expect(await next(createRunLog('failing', ['named']))).toEqual(['fail application known']);
  });

  test('errors of handlers are treated like errors of main', async () => {
    const log = await started('failingHandler');
    log.signal('push', 'from a handler');
    await log.run(engine);
    log.fire(1);
    expect(await next(log)).toEqual(['fail application from a handler']);
  });

  test('an unknown workflow type fails the task and names what is known', async () => {
    const answer = await engine.activate(createRunLog('missing').task());
    if (answer.kind !== 'failed') throw new Error(answer.kind);
    expect(answer.cause).toBe(WorkflowTaskFailureCause.UNKNOWN_WORKFLOW_TYPE);
    expect(answer.failure.message).toContain('known: cancelAndClean');
  });

  test('too many bytes of commands name the largest; too large an input fails at its call', async () => {
    const answer = await engine.activate(createRunLog('large').task());
    if (answer.kind !== 'failed') throw new Error(answer.kind);
    expect(answer.cause).toBe(WorkflowTaskFailureCause.TOO_LARGE);
    expect(answer.failure.message).toMatch(/limit is 3145728; the largest: \d: scheduleActivity \(900/);
    const [line] = await next(createRunLog('tooLargeInput'));
    expect(line).toMatch(/activity work: the arguments take 2200002 bytes, the limit is 2097152/);
  });
});
