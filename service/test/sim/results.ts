/** What each type of workflow must come to, from what it was given. */
import { deepStrictEqual } from 'node:assert';
import type { Execution } from './activities.ts';
import { closeOf, eventsOf, newRunOf, type StoredRun, signalsOf, valueOf } from './log-of.ts';
import type { Report } from './oracles.ts';

/** R-CHILD-1, R-CHILD-2: each child was started once, and has one end; all ends are told to a parent that waits for them. */
function judgeChildren(run: StoredRun, report: Report): void {
  const numbers = (kinds: readonly Parameters<typeof eventsOf>[1][]): number[] =>
    kinds.flatMap((kind) => eventsOf(run, kind).map(({ value }) => (value as { number: number }).number)).sort((a, b) => a - b);
  const scheduled = numbers(['childWorkflowScheduled']);
  const started = numbers(['childWorkflowStarted', 'childWorkflowStartFailed']);
  const ends = numbers([
    'childWorkflowCompleted',
    'childWorkflowFailed',
    'childWorkflowTimedOut',
    'childWorkflowCanceled',
    'childWorkflowTerminated',
  ]);
  if (new Set(started).size !== started.length) report(`children were started twice: ${started}`);
  if (new Set(ends).size !== ends.length) report(`children ended twice: ${ends}`);
  if (eventsOf(run, 'childWorkflowStartFailed').length > 0) report('a child could not be started');
  const [begin] = eventsOf(run, 'workflowStarted');
  if (closeOf(run) === 'workflowCompleted' && begin?.value.workflowType === 'family' && ends.length !== scheduled.length)
    report(`${ends.length} of ${scheduled.length} children ended`);
}

/** R-CHAIN-7: fails until its last attempt. A run timeout fails one that would have succeeded, and another follows. */
function judgeStubborn(chain: readonly StoredRun[], attempts: number, result: string, report: Report): void {
  const timedOut = (each: StoredRun): boolean => closeOf(each) === 'workflowTimedOut';
  if (chain.length < attempts || !chain.slice(attempts - 1, -1).every(timedOut)) report(`${chain.length} runs of ${attempts}`);
  const before = chain.at(-2);
  if (before === undefined) deepStrictEqual(result, '');
  else if (timedOut(before)) deepStrictEqual(result.startsWith('the run timeout of '), true);
  else deepStrictEqual(result, `attempt ${chain.length - 1}`);
}

/** The run's end is what its inputs lead to. */
export function judgeResult(ledger: readonly Execution[], chain: readonly StoredRun[], run: StoredRun, report: Report): void {
  judgeChildren(run, report);
  const close = closeOf(run);
  const [begin] = eventsOf(run, 'workflowStarted');
  if (begin === undefined) return report('has no start');
  const canceled = eventsOf(run, 'workflowCancelRequested').length > 0;
  if (close === undefined) return report('did not end');
  // An activity that is asked to stop may fail on its own account.
  if (close === 'workflowFailed' && !canceled && newRunOf(run) === '')
    return report(`failed: ${JSON.stringify(eventsOf(run, 'workflowFailed')[0]?.value.failure)}`);
  if (close === 'workflowTimedOut' && begin.value.runTimeout === undefined) report('timed out without a time-out');
  if (close === 'workflowCanceled' && !canceled) report('canceled itself');
  if (close !== 'workflowCompleted') return;
  const [input] = begin.value.input.map(valueOf);
  const result = valueOf(eventsOf(run, 'workflowCompleted')[0]?.value.result);
  const signals = eventsOf(run, 'workflowSignaled')
    .filter(({ value }) => value.signalName === 'add')
    .map(({ value }) => valueOf(value.input[0]) as number);
  const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
  switch (begin.value.workflowType) {
    case 'pipeline':
    case 'trusting':
      return deepStrictEqual(result, 2 * sum(input as number[]));
    case 'family': {
      const numbers = input as number[];
      const { sum: doubled, told } = result as { sum: number; told: number[] };
      deepStrictEqual(
        [doubled, told],
        [
          2 * sum(numbers),
          eventsOf(run, 'workflowSignaled')
            .filter(({ value }) => value.signalName === 'tell')
            .map(({ value }) => valueOf(value.input[0])),
        ],
      );
      // R-EFFECT-2: each child has told it once.
      return deepStrictEqual(told.toSorted(), numbers.toSorted());
    }
    case 'napper':
      if ((result as number) < sum(input as number[])) report(`napped ${result} ms of ${sum(input as number[])}`);
      return;
    case 'alarms':
      return deepStrictEqual(
        result,
        (input as number[]).toSorted((a, b) => a - b),
      );
    case 'collector':
      return deepStrictEqual(result, signals);
    case 'entity':
      return deepStrictEqual(result, signalsOf(chain, 'add'));
    case 'stubborn':
      return judgeStubborn(chain, input as number, result as string, report);
    case 'worker':
      return deepStrictEqual(result, 2 * sum(signals));
    case 'risky': {
      const charged = (result as string[]).filter((each) => each !== 'failed').map((each) => Number(each.split(' ')[1]));
      if ((result as string[]).length !== 2 * (input as number))
        report(`${(result as string[]).length} outcomes of ${2 * (input as number)}`);
      if (new Set(charged).size !== charged.length) report(`an execution counted twice: ${charged}`);
      for (const id of charged) if (ledger[id - 1]?.runId !== run.runId) report(`execution ${id} is another run's`);
      return;
    }
    case 'heart':
      return deepStrictEqual(result, input);
    case 'hauler': {
      const sizes = input as number[];
      return deepStrictEqual(result, { sizes, last: 'abcdefghij'.repeat((sizes.at(-1) ?? 0) / 10) });
    }
    case 'clumsy':
      return deepStrictEqual(result, { sum: 2 * sum((input as { numbers: number[] }).numbers), values: signals });
    default:
  }
}
