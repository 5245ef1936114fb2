/** `perdure workflow pause`, `resume` and `delete`. */
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

export function remove(workflowId: string, flags: Reasoned): Promise<number> {
  return withSession(flags, async ({ rpc, namespace, identity, output, print, printJson }) => {
    const { runId } = await rpc.deleteWorkflow({
      namespace,
      execution: { workflowId, runId: flags.runId ?? '' },
      reason: flags.reason,
      identity,
    });
    if (output === 'table') print(runId === '' ? 'There is no such run.\n' : `Deleted run ${runId}.\n`);
    else printJson({ workflowId, runId, deleted: runId !== '' });
    return EXIT.ok;
  });
}
