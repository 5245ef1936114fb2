/** Resets: where to, and what is taken over, checked. */
import { ReapplyKind, ResetPoint } from '@perdure/proto/perdure/api/v1/fork';
import type { ForkPoint } from '../core/fork-plan.ts';
import { badField } from '../errors.ts';
import type { Context, Frontend } from './call.ts';
import { checkText } from './text.ts';
import { boundText, enumOf, requestIdOf, requireExecution, requireId } from './validate.ts';

/** The call that forks a run. */
export function resetRpcs(context: Context): Pick<Frontend, 'resetWorkflow'> {
  return {
    resetWorkflow: async (request) => {
      checkText(request);
      const point = pointOf(request.point);
      const excluded = request.excluded.map((kind) => enumOf('excluded', kind, ReapplyKind, kind));
      const { namespaceId } = await context.namespaces.find(request.namespace);
      const { runId, baseRunId, keptEventId } = await context.history.resetWorkflow(
        { namespaceId, ...requireExecution(request.execution) },
        {
          point,
          excluded,
          dropResults: request.dropResults,
          reason: boundText('reason', request.reason),
          identity: boundText('identity', request.identity),
          requestId: requestIdOf(context.env, request.requestId),
        },
      );
      return { runId, baseRunId, keptEventId: BigInt(keptEventId) };
    },
  };
}

function pointOf(point: ForkPoint | undefined): ForkPoint {
  if (point === undefined) throw badField('point', 'is required: event_id, at, step or build_id');
  if (point.$case === 'eventId' && point.value < 1n) throw badField('event_id', `${point.value} is no event id`);
  if (point.$case === 'buildId') requireId('build_id', point.value);
  if (point.$case === 'at' && enumOf('at', point.value, ResetPoint, 0) === 0) throw badField('at', 'is unspecified');
  if (point.$case === 'step') {
    const { activityId, activityType, occurrence } = point.value;
    if ((activityId === '') === (activityType === '')) throw badField('step', 'needs activity_id or activity_type, and not both');
    if (occurrence < 0) throw badField('step.occurrence', `${occurrence} is negative`);
    if (activityId !== '' && occurrence > 0) throw badField('step.occurrence', 'goes with activity_type only');
    boundText('step.activity_id', activityId);
    boundText('step.activity_type', activityType);
  }
  return point;
}
