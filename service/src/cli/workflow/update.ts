/** `perdure workflow update` and `signal-with-start`. */
import { UpdateStage } from '@perdure/proto/perdure/api/v1/update';
import { ConflictPolicy } from '@perdure/proto/perdure/api/v1/workflow';
import { createRealEnv } from '../../env-real.ts';
import { inputFlags } from '../input.ts';
import { CommandError, EXIT } from '../outcome.ts';
import { payloadToPlain } from '../output/plain.ts';
import { formatFields } from '../output/table.ts';
import { failureText } from './failure.ts';
import type { MessageFlags } from './message.ts';
import { toJsonText, withSession } from './session.ts';
import { type StartFlags, startRequest } from './start.ts';

/** The service answers after 60 s at the latest, with the stage the update has reached. */
const UPDATE_DEADLINE_MS = 70_000;

export interface UpdateFlags extends MessageFlags {
  readonly updateId?: string;
  readonly wait: 'accepted' | 'completed';
}

/** Waits without limit: sent again with its id, the update is the same. */
export function update(workflowId: string, updateName: string, flags: UpdateFlags): Promise<number> {
  const args = inputFlags(flags.input, flags.inputFile);
  const updateId = flags.updateId ?? createRealEnv().newId();
  const waitStage = flags.wait === 'accepted' ? UpdateStage.ACCEPTED : UpdateStage.COMPLETED;
  return withSession(flags, async ({ rpc, namespace, identity, output, print, printJson }) => {
    const message = { updateId, updateName, args, header: undefined, identity };
    const execution = { workflowId, runId: flags.runId ?? '' };
    for (;;) {
      const request = { namespace, execution, request: message, waitStage, waitTimeout: undefined };
      const { runId, stage, outcome } = await rpc.updateWorkflow(request, { deadlineMs: UPDATE_DEADLINE_MS });
      if (stage < waitStage) continue;
      const end = outcome?.outcome;
      if (end?.$case === 'rejection') throw new CommandError(`update ${updateId} was rejected: ${failureText(end.value)}`);
      if (end?.$case === 'failure') throw new CommandError(`update ${updateId} failed: ${failureText(end.value)}`);
      const result = end === undefined ? null : payloadToPlain(end.value);
      if (output !== 'table') printJson({ workflowId, runId, updateId, ...(end === undefined ? { accepted: true } : { result }) });
      else print(end === undefined ? `Accepted as ${updateId} by run ${runId}.\n` : `${toJsonText(result, 'json')}\n`);
      return EXIT.ok;
    }
  });
}

export function signalWithStart(
  type: string,
  signalName: string,
  flags: StartFlags & { readonly signalInput?: string[] },
): Promise<number> {
  const start = startRequest(type, flags, ConflictPolicy.USE_EXISTING);
  const { workflowId } = start;
  const input = inputFlags(flags.signalInput, undefined);
  return withSession(flags, async ({ rpc, namespace, identity, output, print, printJson }) => {
    const request = { namespace, start: { ...start, identity }, signalName, input, header: undefined };
    const { runId, started } = await rpc.signalWithStartWorkflow(request);
    if (output !== 'table') printJson({ workflowId, runId, started });
    else {
      print(started ? 'Started with the signal.\n' : 'Signaled the open run.\n');
      print(formatFields([['workflow id', workflowId], ['run id', runId]])); // biome-ignore format: one line
    }
    return EXIT.ok;
  });
}
