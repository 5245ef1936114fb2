/** Commands of the activity concept (table in activity.ts). */
import { PerdureError } from '../errors.ts';
import { recordCanceled } from './activity-attempts.ts';
import type { CheckContext, CommandRules, CommandValue } from './concepts.ts';
import { MAX_DURATION_MS, MAX_PENDING_ACTIVITIES } from './limits.ts';
import { overLimit } from './over-limit.ts';
import { retryProblem } from './retry.ts';
import { fromDuration } from './time.ts';
import { record } from './transition.ts';

export const activityCommands: CommandRules<'scheduleActivity' | 'cancelActivity'> = {
  scheduleActivity: {
    check: checkSchedule,
    apply(t, value, completedEventId) {
      record(t, {
        $case: 'activityScheduled',
        value: {
          completedEventId,
          number: value.number,
          activityId: value.activityId || String(value.number),
          activityType: value.activityType,
          taskQueue: value.taskQueue || t.state.taskQueue,
          input: value.input,
          header: value.header,
          scheduleToCloseTimeout: value.scheduleToCloseTimeout,
          scheduleToStartTimeout: value.scheduleToStartTimeout,
          startToCloseTimeout: value.startToCloseTimeout,
          heartbeatTimeout: value.heartbeatTimeout,
          retryPolicy: value.retryPolicy,
          callSite: value.callSite,
        },
      });
    },
  },
  cancelActivity: {
    check(context, value) {
      if (value.number < 1 || value.number > context.lastActivity)
        throw bad(`number: ${value.number} was never scheduled`, 'cancelActivity');
    },
    apply(t, value, completedEventId) {
      record(t, { $case: 'activityCancelRequested', value: { completedEventId, number: value.number } });
    },
    caused(t, value) {
      const activity = t.state.activities.get(value.number);
      if (activity?.startedAt === 0) recordCanceled(t, activity, [], '');
    },
  },
};

function checkSchedule(context: CheckContext, value: CommandValue<'scheduleActivity'>): void {
  if (value.number <= context.lastActivity) {
    throw bad(`number: ${value.number} does not fit, the last activity of the run has number ${context.lastActivity}`);
  }
  if (value.activityType === '') throw bad('activity_type: must not be empty');
  const id = value.activityId || String(value.number);
  if (context.activityIds.has(id)) throw bad(`activity_id: "${id}" is the id of an open activity`);
  checkDuration('schedule_to_close_timeout', value.scheduleToCloseTimeout);
  checkDuration('schedule_to_start_timeout', value.scheduleToStartTimeout);
  checkDuration('start_to_close_timeout', value.startToCloseTimeout);
  checkDuration('heartbeat_timeout', value.heartbeatTimeout);
  if (fromDuration(value.scheduleToCloseTimeout) === 0 && fromDuration(value.startToCloseTimeout) === 0) {
    throw bad(`schedule_to_close_timeout or start_to_close_timeout is required (activity "${value.activityType}")`);
  }
  const problem = retryProblem(value.retryPolicy);
  if (problem !== undefined) throw bad(problem);
  context.lastActivity = value.number;
  context.activityIds.add(id);
  context.newActivities += 1;
  const open = context.state.activities.size + context.newActivities;
  if (open > MAX_PENDING_ACTIVITIES) {
    throw overLimit('BAD_COMMAND', 'scheduleActivity.number', { size: open, limit: MAX_PENDING_ACTIVITIES, what: 'open activities' });
  }
}

function checkDuration(field: string, duration: Parameters<typeof fromDuration>[0]): void {
  const ms = fromDuration(duration);
  if (!(ms >= 0 && ms <= MAX_DURATION_MS)) throw bad(`${field}: ${ms} ms is not within 0 and ${MAX_DURATION_MS} ms`);
}

function bad(problem: string, command = 'scheduleActivity'): PerdureError {
  return new PerdureError('BAD_COMMAND', `${command}.${problem}`);
}
