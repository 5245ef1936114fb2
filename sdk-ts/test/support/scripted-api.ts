/** A service whose answers a test writes down; every call is kept. */
import type { Api } from '../../src/common/api.ts';
import { ServiceError } from '../../src/common/service-error.ts';

export type Script = { [K in keyof Api]?: (...args: Parameters<Api[K]>) => ReturnType<Api[K]> | Awaited<ReturnType<Api[K]>> };

export interface ScriptedApi {
  readonly api: Api;
  readonly calls: { readonly rpc: keyof Api; readonly request: never }[];
  /** Requests of one RPC, in order. */
  requests<K extends keyof Api>(rpc: K): Parameters<Api[K]>[0][];
}

/** RPCs that are not in the script reject as the transport does for unknown methods: UNIMPLEMENTED, without a reason. */
export function createScriptedApi(script: Script): ScriptedApi {
  const calls: { rpc: keyof Api; request: never }[] = [];
  const api = new Proxy({} as Api, {
    get: (_, rpc: keyof Api) => async (request: never, call: never) => {
      calls.push({ rpc, request: structuredClone(request) });
      const answer = script[rpc] as ((request: never, call: never) => unknown) | undefined;
      if (!answer) throw refusal(12, '');
      return await answer(request, call);
    },
  });
  return {
    api,
    calls,
    requests: (rpc) => calls.filter((call) => call.rpc === rpc).map((call) => call.request) as never,
  };
}

export function refusal(code: number, reason: string, metadata: Record<string, string> = {}, retryAfterMs?: number): ServiceError {
  return new ServiceError({ code, reason, message: `${reason} (scripted)`, metadata, retryAfterMs });
}

/** A long poll that nothing answers: rejects when the caller goes away. */
export function never(abort: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => abort?.addEventListener('abort', () => reject(refusal(1, '')), { once: true }));
}

/** A promise and its keys. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void; fail: (error: unknown) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  return { promise, open: resolve, fail: reject };
}
