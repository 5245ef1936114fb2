/** Failures as text for people. */
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import { toPlain } from '../output/plain.ts';

/** The chain in one line: "ActivityFailed charge (attempt 5): CardDeclined: no money". */
export function failureText(failure: Failure | undefined): string {
  if (failure === undefined) return 'unknown failure';
  const own = [failureKind(failure), failure.message].filter((part) => part !== '').join(': ');
  return failure.cause === undefined ? own : `${own} ← ${failureText(failure.cause)}`;
}

/** The chain, one failure a line, with the innermost stack trace. */
export function failureLines(failure: Failure | undefined): string[] {
  const lines: string[] = [];
  let stack = '';
  for (let at = failure; at !== undefined; at = at.cause) {
    lines.push(`${lines.length === 0 ? '' : 'caused by '}${failureText({ ...at, cause: undefined })}`);
    if (at.stackTrace !== '') stack = at.stackTrace;
  }
  return stack === '' ? lines : [...lines, ...stack.split('\n').filter((line) => /^\s+at /.test(line))];
}

function failureKind({ info }: Failure): string {
  switch (info?.$case) {
    case 'application':
      return info.value.type;
    case 'timeout':
      return `timeout ${String(toPlain(info.value.timeoutType, 'timeoutType'))}`;
    case 'canceled':
      return 'canceled';
    case 'terminated':
      return 'terminated';
    case 'activity':
      return `activity ${info.value.activityType} (attempt ${info.value.attempt}, ${String(toPlain(info.value.retryState, 'retryState'))})`;
    case 'childWorkflow':
      return `child ${info.value.workflowType} (${info.value.workflowId})`;
    case 'service':
      return info.value.reason;
    case undefined:
      return '';
  }
}
