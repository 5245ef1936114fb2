/** `perdure workflow reset` and `fork`. */
import { ReapplyKind, ResetPoint } from '@perdure/proto/perdure/api/v1/fork';
import type { ResetWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { createRealEnv } from '../../env-real.ts';
import { EXIT, UsageError } from '../outcome.ts';
import type { RunFlags } from './message.ts';
import { withSession } from './session.ts';

export interface ResetFlags extends RunFlags {
  readonly to?: string;
  readonly event?: string;
  readonly activity?: string;
  readonly activityType?: string;
  readonly occurrence?: string;
  readonly build?: string;
  readonly exclude?: string;
  readonly dropResults?: boolean;
  readonly requestId?: string;
  readonly reason: string;
}

type Point = NonNullable<ResetWorkflowRequest['point']>;

const PLACES: Readonly<Record<string, ResetPoint>> = {
  'first-task': ResetPoint.FIRST_TASK,
  'last-task': ResetPoint.LAST_TASK,
  'last-failed-step': ResetPoint.LAST_FAILED_STEP,
};
const KINDS: Readonly<Record<string, ReapplyKind>> = { signals: ReapplyKind.SIGNALS, updates: ReapplyKind.UPDATES };

export function reset(workflowId: string, flags: ResetFlags): Promise<number> {
  const points = pointsOf(flags);
  const [point] = points;
  if (points.length !== 1 || point === undefined)
    throw new UsageError('tell where to, once: --to, --event, --activity, --activity-type or --build');
  return send(workflowId, flags, point);
}

export function fork(workflowId: string, flags: ResetFlags): Promise<number> {
  const none = pointsOf(flags).length === 0;
  return reset(workflowId, none ? { ...flags, to: 'last-failed-step' } : flags);
}

function pointsOf({ to, event, activity, activityType, occurrence, build }: ResetFlags): Point[] {
  const points: Point[] = [];
  if (to !== undefined) points.push({ $case: 'at', value: named('--to', PLACES, to) });
  if (event !== undefined) points.push({ $case: 'eventId', value: BigInt(countOf('--event', event)) });
  if (activity !== undefined) points.push({ $case: 'step', value: { activityId: activity, activityType: '', occurrence: 0 } });
  if (activityType !== undefined)
    points.push({
      $case: 'step',
      value: { activityId: '', activityType, occurrence: occurrence === undefined ? 0 : countOf('--occurrence', occurrence) },
    });
  if (build !== undefined) points.push({ $case: 'buildId', value: build });
  return points;
}

function named<T>(flag: string, values: Readonly<Record<string, T>>, name: string): T {
  const value = values[name];
  if (value === undefined) throw new UsageError(`${flag}: "${name}" is none of ${Object.keys(values).join(', ')}`);
  return value;
}

function countOf(flag: string, text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new UsageError(`${flag}: "${text}" is no whole number from 1`);
  return count;
}

function send(workflowId: string, flags: ResetFlags, point: Point): Promise<number> {
  const excluded = (flags.exclude ?? '').split(',').filter((kind) => kind !== '');
  const kinds = excluded.map((kind) => named('--exclude', KINDS, kind.trim()));
  return withSession(flags, async ({ rpc, namespace, identity, output, print, printJson }) => {
    const { runId, baseRunId, keptEventId } = await rpc.resetWorkflow({
      namespace,
      execution: { workflowId, runId: flags.runId ?? '' },
      reason: flags.reason,
      identity,
      requestId: flags.requestId ?? createRealEnv().newId(),
      point,
      excluded: kinds,
      dropResults: flags.dropResults ?? false,
    });
    if (output === 'table') print(`Run ${runId} goes on from event ${keptEventId} of run ${baseRunId}.\n`);
    else printJson({ workflowId, runId, baseRunId, keptEventId: Number(keptEventId) });
    return EXIT.ok;
  });
}
