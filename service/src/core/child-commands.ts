/** Commands of the child concept (table in child.ts). */
import { ParentClosePolicy } from '@perdure/proto/perdure/api/v1/child';
import { ReusePolicy } from '@perdure/proto/perdure/api/v1/workflow';
import { PerdureError } from '../errors.ts';
import { isNeverStarted } from './child.ts';
import type { CheckContext, CommandRules, CommandValue } from './concepts.ts';
import { parseCron } from './cron.ts';
import { failRequestsToChild } from './effects.ts';
import { MAX_DURATION_MS, MAX_PENDING_CHILDREN, MAX_TASK_TIMEOUT_MS } from './limits.ts';
import { overLimit } from './over-limit.ts';
import { checkProperties } from './properties.ts';
import { retryProblem } from './retry.ts';
import { fromDuration } from './time.ts';
import { record } from './transition.ts';

export const childCommands: CommandRules<'scheduleChildWorkflow' | 'cancelChildWorkflow'> = {
  scheduleChildWorkflow: {
    check: checkSchedule,
    apply(t, value, completedEventId) {
      record(t, {
        $case: 'childWorkflowScheduled',
        value: {
          completedEventId,
          number: value.number,
          workflowId: value.workflowId || `${t.state.identity.runId}/${value.number}`,
          workflowType: value.workflowType,
          taskQueue: value.taskQueue || t.state.taskQueue,
          input: value.input,
          header: value.header,
          runTimeout: value.runTimeout,
          executionTimeout: value.executionTimeout,
          taskTimeout: value.taskTimeout,
          retryPolicy: value.retryPolicy,
          cronSchedule: value.cronSchedule,
          memo: value.memo,
          searchAttributes: value.searchAttributes,
          reusePolicy: value.reusePolicy || ReusePolicy.ALLOW,
          parentClosePolicy: value.parentClosePolicy || ParentClosePolicy.TERMINATE,
          callSite: value.callSite,
        },
      });
    },
  },
  cancelChildWorkflow: {
    check(context, value) {
      if (value.number < 1 || value.number > context.lastChild)
        throw bad(`number: ${value.number} was never scheduled`, 'cancelChildWorkflow');
    },
    apply(t, value, completedEventId) {
      record(t, { $case: 'childWorkflowCancelRequested', value: { completedEventId, number: value.number, reason: value.reason } });
    },
    caused(t, value) {
      const { state } = t;
      const child = state.children?.get(value.number);
      if (child === undefined || !isNeverStarted(state, child)) return;
      const { number, scheduledEventId } = child;
      record(t, {
        $case: 'childWorkflowCanceled',
        value: { number, scheduledEventId: BigInt(scheduledEventId), runId: '', details: [] },
      });
      failRequestsToChild(t, number, 'WORKFLOW_NOT_FOUND', 'the child was canceled before it was started');
    },
  },
};

function checkSchedule(context: CheckContext, value: CommandValue<'scheduleChildWorkflow'>): void {
  if (value.number <= context.lastChild)
    throw bad(`number: ${value.number} does not fit, the last child of the run has number ${context.lastChild}`);
  if (value.workflowType === '') throw bad('workflow_type: must not be empty');
  checkDuration('run_timeout', value.runTimeout, MAX_DURATION_MS);
  checkDuration('execution_timeout', value.executionTimeout, MAX_DURATION_MS);
  checkDuration('task_timeout', value.taskTimeout, MAX_TASK_TIMEOUT_MS);
  const problem = retryProblem(value.retryPolicy);
  if (problem !== undefined) throw bad(problem);
  checkCron(value.cronSchedule);
  checkProperties(value.memo, value.searchAttributes, 'scheduleChildWorkflow');
  if (!(value.parentClosePolicy in ParentClosePolicyNames))
    throw bad(`parent_close_policy: ${value.parentClosePolicy} is not one of 1 to 3`);
  if (!(value.reusePolicy >= 0 && value.reusePolicy <= ReusePolicy.REJECT))
    throw bad(`reuse_policy: ${value.reusePolicy} is not one of 1 to 3`);
  context.lastChild = value.number;
  context.newChildren += 1;
  const open = (context.state.children?.size ?? 0) + context.newChildren;
  if (open > MAX_PENDING_CHILDREN) {
    throw overLimit('BAD_COMMAND', 'scheduleChildWorkflow.number', { size: open, limit: MAX_PENDING_CHILDREN, what: 'open children' });
  }
}

const ParentClosePolicyNames: Record<number, true> = { 0: true, 1: true, 2: true, 3: true };

/** Throws BAD_COMMAND for a schedule that cannot be read. */
function checkCron(schedule: string): void {
  if (schedule === '') return;
  try {
    parseCron(schedule);
  } catch (error) {
    throw bad(`cron_schedule: ${(error as Error).message}`);
  }
}

function checkDuration(field: string, duration: Parameters<typeof fromDuration>[0], most: number): void {
  const ms = fromDuration(duration);
  if (!(ms >= 0 && ms <= most)) throw bad(`${field}: ${ms} ms is not within 0 and ${most} ms`);
}

function bad(problem: string, command = 'scheduleChildWorkflow'): PerdureError {
  return new PerdureError('BAD_COMMAND', `${command}.${problem}`);
}
