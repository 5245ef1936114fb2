/** A connection to the service: all its RPCs as functions. */

import { NamespaceServiceDefinition } from '@perdure/proto/perdure/api/v1/namespace';
import { WorkerServiceDefinition } from '@perdure/proto/perdure/api/v1/worker_service';
import { WorkflowServiceDefinition } from '@perdure/proto/perdure/api/v1/workflow_service';
import type { Api, CallOptions } from './api.ts';
import type { Channel, Codec } from './channel.ts';
import { checkText } from './text.ts';

/** The address used when none is given. */
export const DEFAULT_ADDRESS = '127.0.0.1:7233';

/** Where the service is. */
export interface ConnectOptions {
  /** host:port. Default 127.0.0.1:7233. */
  address?: string;
}

/** An open connection. Calls made while the service is away fail with UNAVAILABLE; the next call may find it again. */
export type Connection = Api & {
  /** Ends calls in flight and releases the socket. */
  close(): void;
};

/** Connects to the service. Returns at once: the socket opens with the first call. Throws TypeError for an empty address. */
export function connect(options: ConnectOptions = {}): Connection {
  const address = options.address ?? DEFAULT_ADDRESS;
  checkText('address', address);
  let closed = false;
  let channel: Channel | undefined;
  // Loaded meanwhile; who brings a connection of another kind need not load it.
  let unary: typeof import('./channel.ts').unary;
  const opening = import('./channel.ts').then((loaded) => {
    unary = loaded.unary;
    channel = loaded.openChannel(address);
    if (closed) channel.close();
    return channel;
  });
  // Told to whoever calls.
  opening.catch(() => {});
  const close = (): void => {
    closed = true;
    channel?.close();
  };
  const rpcs: Record<string, unknown> = { close };
  for (const service of [WorkflowServiceDefinition, WorkerServiceDefinition, NamespaceServiceDefinition]) {
    for (const [name, method] of Object.entries(service.methods)) {
      const { requestType, responseType } = method as unknown as { requestType: Codec; responseType: Codec };
      const path = `/${service.fullName}/${method.name}`;
      rpcs[name] = (request: unknown, call: CallOptions = {}) =>
        channel === undefined
          ? opening.then((open) => unary(open, path, requestType, responseType, request, call))
          : unary(channel, path, requestType, responseType, request, call);
    }
  }
  return rpcs as unknown as Connection;
}
