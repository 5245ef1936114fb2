/** Resets and forks: where a new run leaves an old one, as users say it. */
import type { WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import { ReapplyKind, ResetPoint } from '@perdure/proto/perdure/api/v1/fork';
import type { ResetWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { withRetry } from '../common/retry.ts';
import { retryContext, type Wire } from './wire.ts';

/** How to reset a run. */
export interface ResetOptions {
  /**
   * Where the new run leaves the old one:
   * - `'firstTask'`: the code begins anew; `'lastTask'`: the last workflow task is done again
   * - `'lastFailedStep'`: the activity that failed last runs again
   * - `{ eventId }`: a WorkflowTaskCompleted event, whose task is done again, or the last event that such a task wrote
   * - `{ activityId }`, or `{ activityType, occurrence }` (1 is the first, by default the last): this activity runs again
   * - `{ buildId }`: right before the first workflow task that this build completed
   */
  to:
    | 'firstTask'
    | 'lastTask'
    | 'lastFailedStep'
    | { readonly eventId: number | bigint }
    | { readonly activityId: string }
    | { readonly activityType: string; readonly occurrence?: number }
    | { readonly buildId: string };
  /** Recorded with both runs. */
  reason?: string;
  /** What came behind that place and is not taken over. Default none: signals and accepted updates reach the new run. */
  exclude?: readonly ('signals' | 'updates')[];
  /** Run activities again that completed behind that place. Default false: their results are kept. */
  dropResults?: boolean;
  /** A UUIDv7; the same id again answers with the same run. */
  requestId?: string;
}

const POINTS = {
  firstTask: ResetPoint.FIRST_TASK,
  lastTask: ResetPoint.LAST_TASK,
  lastFailedStep: ResetPoint.LAST_FAILED_STEP,
} as const;
const KINDS = { signals: ReapplyKind.SIGNALS, updates: ReapplyKind.UPDATES } as const;

/** Resolves to the id of the new run. */
export async function reset(wire: Wire, execution: WorkflowExecution, options: ResetOptions): Promise<string> {
  const { api, namespace, identity, closed: abort } = wire;
  const request = {
    namespace,
    execution,
    reason: options.reason ?? '',
    identity,
    requestId: options.requestId ?? wire.clock.newId(),
    point: pointOf(options.to),
    excluded: (options.exclude ?? []).map((kind) => KINDS[kind]),
    dropResults: options.dropResults ?? false,
  };
  const { runId } = await withRetry(retryContext(wire), () => api.resetWorkflow(request, { abort }));
  return runId;
}

function pointOf(to: ResetOptions['to']): ResetWorkflowRequest['point'] {
  if (typeof to === 'string') return { $case: 'at', value: POINTS[to] };
  if ('eventId' in to) return { $case: 'eventId', value: BigInt(to.eventId) };
  if ('buildId' in to) return { $case: 'buildId', value: to.buildId };
  if ('activityId' in to) return { $case: 'step', value: { activityId: to.activityId, activityType: '', occurrence: 0 } };
  return { $case: 'step', value: { activityId: '', activityType: to.activityType, occurrence: to.occurrence ?? 0 } };
}
