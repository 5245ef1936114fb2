/** `perdure workflow signal`, `query`, `cancel` and `terminate`. */
import { createRealEnv } from '../../env-real.ts';
import { inputFlags } from '../input.ts';
import { CommandError, EXIT } from '../outcome.ts';
import { payloadToPlain } from '../output/plain.ts';
import type { CommonFlags } from './commands.ts';
import { failureText } from './failure.ts';
import { toJsonText, withSession } from './session.ts';

/** A query waits up to 10 s for a worker. */
const QUERY_DEADLINE_MS = 15_000;

export interface RunFlags extends CommonFlags {
  readonly runId?: string;
}

export interface MessageFlags extends RunFlags {
  readonly input?: string[];
  readonly inputFile?: string;
}

export function signal(workflowId: string, signalName: string, flags: MessageFlags): Promise<number> {
  const input = inputFlags(flags.input, flags.inputFile);
  return withSession(flags, async ({ rpc, namespace, identity, output, print, printJson }) => {
    const execution = { workflowId, runId: flags.runId ?? '' };
    const requestId = createRealEnv().newId();
    const { runId } = await rpc.signalWorkflow({ namespace, execution, signalName, input, header: undefined, requestId, identity });
    if (output === 'table') print(`Signaled run ${runId}.\n`);
    else printJson({ workflowId, runId });
    return EXIT.ok;
  });
}

export function query(workflowId: string, queryType: string, flags: MessageFlags): Promise<number> {
  const args = inputFlags(flags.input, flags.inputFile);
  return withSession(flags, async ({ rpc, namespace, output, print, printJson }) => {
    const execution = { workflowId, runId: flags.runId ?? '' };
    const { outcome } = await rpc.queryWorkflow(
      { namespace, execution, queryType, args, header: undefined, rejectCondition: 0, followRuns: false },
      { deadlineMs: QUERY_DEADLINE_MS },
    );
    if (outcome?.$case === 'failure') throw new CommandError(`the query failed: ${failureText(outcome.value)}`);
    const result = outcome === undefined ? null : payloadToPlain(outcome.value);
    if (output === 'table') print(`${toJsonText(result, 'json')}\n`);
    else printJson({ workflowId, result });
    return EXIT.ok;
  });
}

export function cancel(workflowId: string, flags: RunFlags & { readonly reason: string }): Promise<number> {
  return withSession(flags, async ({ rpc, namespace, identity, output, print, printJson }) => {
    const execution = { workflowId, runId: flags.runId ?? '' };
    await rpc.requestCancelWorkflow({ namespace, execution, reason: flags.reason, identity, requestId: createRealEnv().newId() });
    if (output === 'table') print(`Asked ${workflowId} to cancel itself.\n`);
    else printJson({ workflowId, cancelRequested: true });
    return EXIT.ok;
  });
}

export function terminate(workflowId: string, flags: RunFlags & { readonly reason: string }): Promise<number> {
  return withSession(flags, async ({ rpc, namespace, identity, output, print, printJson }) => {
    const execution = { workflowId, runId: flags.runId ?? '' };
    await rpc.terminateWorkflow({ namespace, execution, reason: flags.reason, details: [], identity, requestId: createRealEnv().newId() });
    if (output === 'table') print(`Terminated ${workflowId}.\n`);
    else printJson({ workflowId, terminated: true });
    return EXIT.ok;
  });
}
