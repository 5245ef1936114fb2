/** What every RPC of the frontend has in hand, and the type of all of them together. */
import type { NamespaceServiceDefinition } from '@perdure/proto/perdure/api/v1/namespace';
import type { WorkerServiceDefinition } from '@perdure/proto/perdure/api/v1/worker_service';
import type { WorkflowServiceDefinition } from '@perdure/proto/perdure/api/v1/workflow_service';
import type { Env } from '../env.ts';
import type { HistoryRole, MatchingRole } from '../roles.ts';
import type { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Namespaces } from './namespaces.ts';

/** What a handler may know of the call besides the request. */
export interface Call {
  /** Aborted when the caller has gone, its deadline has passed or the server stops. */
  readonly abort: AbortSignal;
}

type Message<C> = C extends { decode(...args: never[]): infer T } ? T : never;

type Rpcs<Methods> = {
  [Name in keyof Methods]: Methods[Name] extends { requestType: infer Request; responseType: infer Response }
    ? (request: Message<Request>, call: Call) => Promise<Message<Response>>
    : never;
};

/** One async function per RPC of the public services. Rejections are PerdureErrors, but for defects. */
export type Frontend = Rpcs<WorkflowServiceDefinition['methods']> &
  Rpcs<WorkerServiceDefinition['methods']> &
  Rpcs<NamespaceServiceDefinition['methods']>;

/** What the areas of the frontend share. */
export interface Context {
  readonly env: Env;
  readonly history: HistoryRole;
  readonly matching: MatchingRole;
  readonly store: Store;
  readonly namespaces: Namespaces;
  /** Signs tokens. */
  readonly tokenKey: Uint8Array;
  readonly version: string;
  readonly log: Log | undefined;
}
