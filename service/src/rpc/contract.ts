/** The public RPCs as a TypeScript type: one async function per RPC, derived from the generated definitions. */

import type { BinaryReader } from '@bufbuild/protobuf/wire';
import { NamespaceServiceDefinition } from '@perdure/proto/perdure/api/v1/namespace';
import { WorkerServiceDefinition } from '@perdure/proto/perdure/api/v1/worker_service';
import { WorkflowServiceDefinition } from '@perdure/proto/perdure/api/v1/workflow_service';
import type { Codec as Encoder } from '../core/encode.ts';

/** What the generated code offers for one message type. */
export interface Codec<T> extends Encoder<T> {
  decode(input: Uint8Array | BinaryReader): T;
}

interface Method {
  readonly name: string;
  readonly requestType: unknown;
  readonly responseType: unknown;
}

type Message<C> = C extends { decode(...args: never[]): infer T } ? T : never;

/** What a handler may know of the call besides the request. */
export interface CallContext {
  /** Aborted when the caller has gone, its deadline has passed or the server stops. */
  readonly abort: AbortSignal;
}

type Handlers<Methods extends Record<string, Method>> = {
  [Name in keyof Methods]: (
    request: Message<Methods[Name]['requestType']>,
    call: CallContext,
  ) => Promise<Message<Methods[Name]['responseType']>>;
};

/** Everything the public services do. Rejections other than PerdureError become INTERNAL. */
export type RpcHandlers = Handlers<WorkflowServiceDefinition['methods']> &
  Handlers<WorkerServiceDefinition['methods']> &
  Handlers<NamespaceServiceDefinition['methods']>;

/** One RPC, ready to be served or called. */
export interface RpcMethod {
  /** Key in RpcHandlers. */
  readonly key: keyof RpcHandlers;
  /** For example "/perdure.api.v1.WorkflowService/StartWorkflow". */
  readonly path: string;
  readonly request: Codec<unknown>;
  readonly response: Codec<unknown>;
}

export interface RpcService {
  readonly fullName: string;
  readonly methods: readonly RpcMethod[];
}

/** The services this program offers, in the order reflection lists them. */
export const SERVICES: readonly RpcService[] = [WorkflowServiceDefinition, WorkerServiceDefinition, NamespaceServiceDefinition].map(
  (definition) => ({
    fullName: definition.fullName,
    methods: Object.entries(definition.methods as Record<string, Method>).map(([key, method]) => ({
      key: key as keyof RpcHandlers,
      path: `/${definition.fullName}/${method.name}`,
      request: method.requestType as Codec<unknown>,
      response: method.responseType as Codec<unknown>,
    })),
  }),
);
