/**
 * What can be said about the commands of a completion without knowing the run: text, sizes, and lengths of time that are
 * none. Refusals are BAD_COMMAND and name the field from `commands[i]` on; the core judges the rest.
 */
import type { ScheduleChildWorkflowCommand } from '@perdure/proto/perdure/api/v1/child';
import { Command } from '@perdure/proto/perdure/api/v1/command';
import type { WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import type { RecordMarkerCommand } from '@perdure/proto/perdure/api/v1/marker';
import type { ContinueAsNewCommand } from '@perdure/proto/perdure/api/v1/workflow';
import { encode } from '../core/encode.ts';
import { MAX_COMMAND_BYTES, MAX_EVENT_PAYLOAD_BYTES, MAX_ID_BYTES, MAX_MEMO_BYTES, MAX_TASK_TIMEOUT_MS } from '../core/limits.ts';
import { badField, PerdureError, tooLarge } from '../errors.ts';
import type { NamespaceRow } from '../store/store.ts';
import { checkSearchAttributes } from './search-attributes.ts';
import { findBadText, snakeCase, weigh } from './text.ts';
import { boundText, durationMs, eventLimitOf, requireExecution } from './validate.ts';

/** A completion whose text and data weigh no more cannot reach a limit by its framing. */
const SURELY_SMALL_BYTES = MAX_EVENT_PAYLOAD_BYTES / 2;

/** Throws BAD_COMMAND naming the command at fault. `bytes` is what the whole completion weighs. */
export function checkCommands(commands: readonly Command[], bytes: number, namespace: NamespaceRow): void {
  const limit = eventLimitOf(namespace);
  for (const [index, command] of commands.entries()) {
    try {
      if (!(bytes <= Math.min(limit, SURELY_SMALL_BYTES))) checkTextAndSize(command, limit);
      checkValues(command, namespace);
    } catch (error) {
      throw error instanceof PerdureError ? ofCommand(error, fieldOf(command, index)) : error;
    }
  }
  if (bytes > SURELY_SMALL_BYTES || commands.length > 10_000) checkTotal(commands);
}

function checkTextAndSize(command: Command, limit: number): void {
  const value = command.attributes?.value;
  const size = weigh(value);
  const bad = Number.isNaN(size) ? findBadText(value, '') : undefined;
  if (bad !== undefined) throw badField(bad.path, bad.problem);
  if (size > limit) throw tooLarge('', size, limit);
}

function checkTotal(commands: readonly Command[]): void {
  let total = 0;
  let largest = { index: 0, bytes: -1 };
  for (const [index, command] of commands.entries()) {
    const bytes = encode(Command, command).length;
    total += bytes;
    if (bytes > largest.bytes) largest = { index, bytes };
  }
  if (total <= MAX_COMMAND_BYTES) return;
  const command = commands[largest.index];
  const field = command === undefined ? 'commands' : fieldOf(command, largest.index);
  const problem = `${total} bytes in all, the limit is ${MAX_COMMAND_BYTES}; the largest is ${field} with ${largest.bytes} bytes`;
  throw new PerdureError('BAD_COMMAND', `commands: ${problem}`, { field, size: String(total), limit: String(MAX_COMMAND_BYTES) });
}

/** Names fields from the command on; names are only put together for a refusal. */
function checkValues(command: Command, namespace: NamespaceRow): void {
  switch (command.attributes?.$case) {
    case 'scheduleActivity': {
      const { value } = command.attributes;
      boundText('activity_id', value.activityId, MAX_ID_BYTES);
      boundText('activity_type', value.activityType, MAX_ID_BYTES);
      boundText('task_queue', value.taskQueue, MAX_ID_BYTES);
      boundText('call_site', value.callSite);
      durationMs('schedule_to_close_timeout', value.scheduleToCloseTimeout);
      durationMs('schedule_to_start_timeout', value.scheduleToStartTimeout);
      durationMs('start_to_close_timeout', value.startToCloseTimeout);
      durationMs('heartbeat_timeout', value.heartbeatTimeout);
      durationMs('retry_policy.initial_interval', value.retryPolicy?.initialInterval);
      durationMs('retry_policy.maximum_interval', value.retryPolicy?.maximumInterval);
      return;
    }
    case 'startTimer':
      durationMs('duration', command.attributes.value.duration);
      return;
    case 'upsertProperties': {
      const { memo, searchAttributes } = command.attributes.value;
      const bytes = weigh({ memo });
      if (bytes > MAX_MEMO_BYTES) throw tooLarge('memo', bytes, MAX_MEMO_BYTES);
      checkSearchAttributes('search_attributes', searchAttributes, namespace, true);
      return;
    }
    case 'continueAsNew':
      checkContinue(command.attributes.value, namespace);
      return;
    case 'scheduleChildWorkflow':
      checkChild(command.attributes.value, namespace);
      return;
    case 'signalExternal':
      boundText('signal_name', command.attributes.value.signalName, MAX_ID_BYTES);
      checkTarget(command.attributes.value);
      return;
    case 'cancelExternal':
      boundText('reason', command.attributes.value.reason);
      checkTarget(command.attributes.value);
      return;
    case 'cancelChildWorkflow':
      boundText('reason', command.attributes.value.reason);
      return;
    case 'recordMarker':
      checkMarker(command.attributes.value);
      return;
    case 'completeWorkflow':
    case 'failWorkflow':
    case 'cancelWorkflow':
    case 'cancelActivity':
    case 'cancelTimer':
    case 'acceptUpdate':
    case 'completeUpdate':
    case undefined:
      return;
  }
}

function checkContinue(value: ContinueAsNewCommand, namespace: NamespaceRow): void {
  boundText('workflow_type', value.workflowType, MAX_ID_BYTES);
  boundText('task_queue', value.taskQueue, MAX_ID_BYTES);
  durationMs('run_timeout', value.runTimeout);
  durationMs('start_delay', value.startDelay);
  const task = durationMs('task_timeout', value.taskTimeout, MAX_TASK_TIMEOUT_MS);
  if (value.taskTimeout !== undefined && task === 0) throw badField('task_timeout', 'must be longer than 0');
  durationMs('retry_policy.initial_interval', value.retryPolicy?.initialInterval);
  durationMs('retry_policy.maximum_interval', value.retryPolicy?.maximumInterval);
  const bytes = weigh({ memo: value.memo });
  if (bytes > MAX_MEMO_BYTES) throw tooLarge('memo', bytes, MAX_MEMO_BYTES);
  checkSearchAttributes('search_attributes', value.searchAttributes, namespace, true);
}

function checkChild(value: ScheduleChildWorkflowCommand, namespace: NamespaceRow): void {
  boundText('workflow_id', value.workflowId, MAX_ID_BYTES);
  boundText('workflow_type', value.workflowType, MAX_ID_BYTES);
  boundText('task_queue', value.taskQueue, MAX_ID_BYTES);
  boundText('cron_schedule', value.cronSchedule);
  boundText('call_site', value.callSite);
  durationMs('run_timeout', value.runTimeout);
  durationMs('execution_timeout', value.executionTimeout);
  durationMs('task_timeout', value.taskTimeout, MAX_TASK_TIMEOUT_MS);
  durationMs('retry_policy.initial_interval', value.retryPolicy?.initialInterval);
  durationMs('retry_policy.maximum_interval', value.retryPolicy?.maximumInterval);
  checkSearchAttributes('search_attributes', value.searchAttributes, namespace, false);
}

function checkTarget({ target, callSite }: { target: WorkflowExecution | undefined; callSite: string }): void {
  if (target !== undefined) requireExecution(target, 'target');
  boundText('call_site', callSite);
}

function checkMarker({ marker, callSite }: RecordMarkerCommand): void {
  boundText('call_site', callSite);
  if (marker?.$case === 'patch') boundText('patch.patch_id', marker.value.patchId, MAX_ID_BYTES);
  if (marker?.$case !== 'localActivity') return;
  boundText('local_activity.activity_type', marker.value.activityType, MAX_ID_BYTES);
  if (marker.value.outcome?.$case === 'backoff') durationMs('local_activity.backoff.delay', marker.value.outcome.value.delay);
}

function fieldOf(command: Command, index: number): string {
  const kind = command.attributes?.$case;
  return kind === undefined ? `commands[${index}]` : `commands[${index}].${snakeCase(kind)}`;
}

/** The refusal of a field, as that of a command: the SDK fails the task with it. */
function ofCommand(error: PerdureError, command: string): PerdureError {
  const inner = error.metadata.field ?? '';
  const field = inner === '' ? command : `${command}.${inner}`;
  return new PerdureError('BAD_COMMAND', `${field}${error.message.slice(inner.length)}`, { ...error.metadata, field });
}
