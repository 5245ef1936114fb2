/** `perdure activity pause`, `resume`, `reset` and `update`. */
import { durationFlag } from '../input.ts';
import { EXIT, UsageError } from '../outcome.ts';
import { toPlain } from '../output/plain.ts';
import type { RunFlags } from '../workflow/message.ts';
import { type Session, shortJson, withSession } from '../workflow/session.ts';

interface ResumeFlags extends RunFlags {
  readonly jitter?: string;
}

interface ResetFlags extends ResumeFlags {
  readonly resetHeartbeatDetails?: boolean;
  readonly keepPaused?: boolean;
  readonly restoreOptions?: boolean;
}

interface UpdateFlags extends RunFlags {
  readonly taskQueue?: string;
  readonly scheduleToClose?: string;
  readonly scheduleToStart?: string;
  readonly startToClose?: string;
  readonly heartbeat?: string;
  readonly restore?: boolean;
}

export function pause(workflowId: string, activityId: string, flags: RunFlags & { reason: string }): Promise<number> {
  return change(workflowId, activityId, flags, 'Paused', ({ rpc }, named) => rpc.pauseActivity({ ...named, reason: flags.reason }));
}

export function resume(workflowId: string, activityId: string, flags: ResumeFlags): Promise<number> {
  const jitter = durationFlag('--jitter', flags.jitter);
  return change(workflowId, activityId, flags, 'Resumed', ({ rpc }, named) => rpc.resumeActivity({ ...named, jitter }));
}

export function reset(workflowId: string, activityId: string, flags: ResetFlags): Promise<number> {
  const jitter = durationFlag('--jitter', flags.jitter);
  const { resetHeartbeatDetails = false, keepPaused = false, restoreOptions = false } = flags;
  return change(workflowId, activityId, flags, 'Reset', ({ rpc }, named) =>
    rpc.resetActivity({ ...named, jitter, resetHeartbeatDetails, keepPaused, restoreOptions }),
  );
}

export function update(workflowId: string, activityId: string, flags: UpdateFlags): Promise<number> {
  const { taskQueue = '', restore: restoreOriginal = false } = flags;
  const limits = {
    scheduleToCloseTimeout: durationFlag('--schedule-to-close', flags.scheduleToClose),
    scheduleToStartTimeout: durationFlag('--schedule-to-start', flags.scheduleToStart),
    startToCloseTimeout: durationFlag('--start-to-close', flags.startToClose),
    heartbeatTimeout: durationFlag('--heartbeat', flags.heartbeat),
  };
  const given = taskQueue !== '' || Object.values(limits).some((limit) => limit !== undefined);
  if (!given && !restoreOriginal) throw new UsageError('update: give at least one option to change, or --restore');
  const options = given ? { ...limits, taskQueue, retryPolicy: undefined } : undefined;
  return change(workflowId, activityId, flags, 'Changed', ({ rpc }, named) =>
    rpc.updateActivityOptions({ ...named, options, restoreOriginal }),
  );
}

interface Named {
  readonly namespace: string;
  readonly activity: { execution: { workflowId: string; runId: string }; activityId: string };
  readonly identity: string;
}

function change(
  workflowId: string,
  activityId: string,
  flags: RunFlags,
  done: string,
  call: (session: Session, named: Named) => Promise<{ runId: string; options?: unknown }>,
): Promise<number> {
  return withSession(flags, async (session) => {
    const { namespace, identity, output, print, printJson } = session;
    const activity = { execution: { workflowId, runId: flags.runId ?? '' }, activityId };
    const { runId, options } = await call(session, { namespace, activity, identity });
    if (output !== 'table') printJson({ workflowId, runId, activityId, ...(options !== undefined && { options: toPlain(options) }) });
    else print(`${done} activity ${activityId} of run ${runId}.${options === undefined ? '' : ` Now: ${shortJson(options)}`}\n`);
    return EXIT.ok;
  });
}
