/** The frontend role: checks what comes from outside, and hands it to the role that knows. Holds no state of runs. */
import type { Env } from '../env.ts';
import type { HistoryRole, MatchingRole } from '../roles.ts';
import type { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { activityRpcs } from './activities.ts';
import type { Call, Context, Frontend } from './call.ts';
import { completionRpcs } from './completions.ts';
import { toPerdureError } from './item-error.ts';
import { listRpcs } from './list.ts';
import { createNamespaces } from './namespaces.ts';
import { pollRpcs } from './polls.ts';
import { runRpcs } from './runs.ts';
import { signalRpcs } from './signal.ts';
import { startRpcs } from './start.ts';
import { systemRpcs } from './system-info.ts';

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
    ...runRpcs(context),
    ...listRpcs(context),
    ...systemRpcs(context),
    ...pollRpcs(context),
    ...completionRpcs(context),
    ...activityRpcs(context),
  };
  const guarded = Object.entries(rpcs).map(([name, rpc]) => [name, guard(context, rpc as AnyRpc)]);
  return Object.fromEntries(guarded) as Frontend;
}

type AnyRpc = (request: unknown, call: Call) => Promise<unknown>;

/** Brings whatever went wrong into the catalogue. */
function guard(context: Context, rpc: AnyRpc): AnyRpc {
  return async (request, call) => {
    try {
      return await rpc(request, call);
    } catch (error) {
      throw toPerdureError(error, context);
    }
  };
}
