/** The frontend role: checks what comes from outside, and hands it to the role that knows. Holds no state of runs. */
import { WorkflowServiceDefinition } from '@perdure/proto/perdure/api/v1/workflow_service';
import type { Env } from '../env.ts';
import type { HistoryRole, MatchingRole } from '../roles.ts';
import type { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { activityRpcs } from './activities.ts';
import { activityOperatorRpcs } from './activity-operators.ts';
import type { Call, Context, Frontend } from './call.ts';
import { completionRpcs } from './completions.ts';
import { toPerdureError } from './item-error.ts';
import { listRpcs } from './list.ts';
import { namespaceRpcs } from './namespace-rpcs.ts';
import { createNamespaces } from './namespaces.ts';
import { pollRpcs } from './polls.ts';
import { resetRpcs } from './reset.ts';
import { runRpcs } from './runs.ts';
import { signalRpcs } from './signal.ts';
import { startRpcs } from './start.ts';
import { systemRpcs } from './system-info.ts';
import { updateRpcs } from './update.ts';
import { withStartRpcs } from './with-start.ts';

export type { Frontend };

export interface FrontendOptions {
  readonly env: Env;
  readonly history: HistoryRole;
  readonly matching: MatchingRole;
  readonly store: Store;
  /** Signs tokens; shared by all nodes. */
  readonly tokenKey: Uint8Array;
  /** Of this program, shown by GetSystemInfo. */
  readonly version: string;
  /** Gets the traces of defects that callers see as INTERNAL only. */
  readonly log?: Log | undefined;
}

/** Creates the role. Every RPC rejects with PerdureError only. */
export function createFrontend(options: FrontendOptions): Frontend {
  const { env, history, matching, store, tokenKey, version, log } = options;
  const context: Context = { env, history, matching, store, tokenKey, version, log, namespaces: createNamespaces(env, store) };
  const rpcs: Frontend = {
    ...startRpcs(context),
    ...signalRpcs(context),
    ...updateRpcs(context),
    ...withStartRpcs(context),
    ...runRpcs(context),
    ...resetRpcs(context),
    ...listRpcs(context),
    ...systemRpcs(context),
    ...pollRpcs(context),
    ...completionRpcs(context),
    ...activityRpcs(context),
    ...namespaceRpcs(context),
    ...activityOperatorRpcs(context),
  };
  const guarded = Object.entries(rpcs).map(([name, rpc]) => [
    name,
    guard(context, rpc as AnyRpc, Object.hasOwn(WorkflowServiceDefinition.methods, name)),
  ]);
  return Object.fromEntries(guarded) as Frontend;
}

type AnyRpc = (request: unknown, call: Call) => Promise<unknown>;

/**
 * Brings whatever went wrong into the catalogue, and counts what clients ask for: what workers report has been accepted
 * before and must not pile up.
 */
function guard(context: Context, rpc: AnyRpc, isOfClients: boolean): AnyRpc {
  return async (request, call) => {
    try {
      if (isOfClients) takeCalls(context, request as { namespace?: unknown; items?: unknown });
      return await rpc(request, call);
    } catch (error) {
      throw toPerdureError(error, context);
    }
  };
}

function takeCalls(context: Context, { namespace, items }: { namespace?: unknown; items?: unknown }): void {
  if (typeof namespace === 'string') context.namespaces.take(namespace, Array.isArray(items) ? items.length : 1);
}
