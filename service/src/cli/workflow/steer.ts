/** `perdure workflow pause` and `resume`. */
import { createRealEnv } from '../../env-real.ts';
import { EXIT } from '../outcome.ts';
import type { RunFlags } from './message.ts';
import { withSession } from './session.ts';

interface Reasoned extends RunFlags {
  readonly reason: string;
}

export function pause(workflowId: string, flags: Reasoned): Promise<number> {
  return withSession(flags, async ({ rpc, namespace, identity, output, print, printJson }) => {
    const execution = { workflowId, runId: flags.runId ?? '' };
    const { runId } = await rpc.pauseWorkflow({ namespace, execution, reason: flags.reason, identity, requestId: createRealEnv().newId() });
    if (output === 'table') print(`Paused run ${runId}.\n`);
    else printJson({ workflowId, runId, paused: true });
    return EXIT.ok;
  });
}

export function resume(workflowId: string, flags: Reasoned): Promise<number> {
  return withSession(flags, async ({ rpc, namespace, identity, output, print, printJson }) => {
    const execution = { workflowId, runId: flags.runId ?? '' };
    const { runId } = await rpc.resumeWorkflow({
      namespace,
      execution,
      reason: flags.reason,
      identity,
      requestId: createRealEnv().newId(),
    });
    if (output === 'table') print(`Resumed run ${runId}.\n`);
    else printJson({ workflowId, runId, paused: false });
    return EXIT.ok;
  });
}
