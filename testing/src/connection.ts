// The way from client and worker to the engine without sockets: the same bytes, the same refusals, and a list of what is on its way.
import { WorkerServiceDefinition } from '@perdure/proto/perdure/api/v1/worker_service';
import { WorkflowServiceDefinition } from '@perdure/proto/perdure/api/v1/workflow_service';
import { type Api, type CallOptions, ServiceError } from '@perdure/sdk/client';
import type { Engine, RpcName } from '@perdure/service/engine';

/**
 * What a call that is on its way means for time. `poll`: a worker waits for tasks; `wait`: somebody waits for what a run will do;
 * `work`: it will be answered without anything else happening.
 */
type Kind = 'poll' | 'wait' | 'work';

interface Pending {
  readonly kind: Kind;
  fail(error: ServiceError): void;
}

/** Calls on their way. */
export interface Calls {
  count(kind: Kind): number;
  /** Rejects everything that waits for what a run will do. */
  failWaits(error: ServiceError): void;
}

export interface Connection extends Calls {
  readonly api: Api;
}

interface Codec {
  encode(message: unknown): { finish(): Uint8Array };
  decode(input: Uint8Array): unknown;
}

const ABORTED = { code: 1, reason: '', message: 'the call was aborted', metadata: {} };

function kindOf(name: string, request: unknown): Kind {
  if (name.startsWith('poll')) return 'poll';
  const { waitTimeout } = request as { waitTimeout?: { seconds: bigint; nanos: number } | undefined };
  const waits = waitTimeout !== undefined && (waitTimeout.seconds > 0n || waitTimeout.nanos > 0);
  return waits || /update/i.test(name) ? 'wait' : 'work';
}

/** `changed` is called when a call begins and when it has been answered. */
export function createConnection(engine: Pick<Engine, 'call'>, changed: (kind: Kind) => void): Connection {
  const pending = new Set<Pending>();
  const rpcs: Record<string, unknown> = {};
  for (const { methods } of [WorkflowServiceDefinition, WorkerServiceDefinition]) {
    for (const [name, method] of Object.entries(methods)) {
      const { requestType, responseType } = method as unknown as { requestType: Codec; responseType: Codec };
      rpcs[name] = (request: unknown, { abort }: CallOptions = {}) => {
        const kind = kindOf(name, request);
        const bytes = requestType.encode(request).finish();
        return new Promise((resolve, reject) => {
          const gone = new AbortController();
          const end = (settle: () => void): void => {
            if (!pending.delete(entry)) return;
            abort?.removeEventListener('abort', cancel);
            settle();
            changed(kind);
          };
          const entry: Pending = {
            kind,
            fail(error) {
              end(() => reject(error));
              gone.abort();
            },
          };
          const cancel = (): void => entry.fail(new ServiceError(ABORTED));
          pending.add(entry);
          changed(kind);
          if (abort?.aborted) return cancel();
          abort?.addEventListener('abort', cancel);
          engine.call(name as RpcName, bytes, gone.signal).then(
            (answer) => end(() => resolve(responseType.decode(answer))),
            (error: unknown) => end(() => reject(refused(error))),
          );
        });
      };
    }
  }
  return {
    api: rpcs as unknown as Api,
    count(kind) {
      let count = 0;
      for (const each of pending) if (each.kind === kind) count += 1;
      return count;
    },
    failWaits(error) {
      for (const each of [...pending]) if (each.kind === 'wait') each.fail(error);
    },
  };
}

/** As it would come off the wire. */
function refused(error: unknown): unknown {
  const { code, reason, message, metadata, retryAfterMs } = error as ServiceError;
  return typeof code === 'number' ? new ServiceError({ code, reason, message, metadata: { ...metadata }, retryAfterMs }) : error;
}
