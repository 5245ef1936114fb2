/** The service as client and worker see it: one function per RPC. A gRPC connection is one; the service's own frontend in a test is another. */
import type { NamespaceServiceDefinition } from '@perdure/proto/perdure/api/v1/namespace';
import type { WorkerServiceDefinition } from '@perdure/proto/perdure/api/v1/worker_service';
import type { WorkflowServiceDefinition } from '@perdure/proto/perdure/api/v1/workflow_service';

/** How one call is made. */
export interface CallOptions {
  /** Ms until the call fails with DEADLINE_EXCEEDED. Default 10 000. */
  deadlineMs?: number;
  /** Ends the call; it then rejects. */
  abort?: AbortSignal;
}

interface Message<T> {
  decode(input: Uint8Array, length?: number): T;
}

interface Method {
  readonly requestType: Message<unknown>;
  readonly responseType: Message<unknown>;
}

type Rpc<M extends Method> = (
  request: ReturnType<M['requestType']['decode']>,
  call?: CallOptions,
) => Promise<ReturnType<M['responseType']['decode']>>;

type Rpcs<D extends { readonly methods: Record<string, Method> }> = { readonly [K in keyof D['methods']]: Rpc<D['methods'][K]> };

/**
 * Every RPC of WorkflowService, WorkerService and NamespaceService by its name in camelCase: `api.startWorkflows(request)`. A refusal rejects with an
 * error that has `reason`, `code` (a google.rpc.Code), `metadata` and `retryAfterMs`.
 */
export type Api = Rpcs<WorkflowServiceDefinition> & Rpcs<WorkerServiceDefinition> & Rpcs<NamespaceServiceDefinition>;
