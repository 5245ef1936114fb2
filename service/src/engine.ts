/**
 * The service without process, sockets and disk: core, history, matching and frontend on the memory store, for programs that test
 * workflows. Nothing heavy is imported here: it starts in milliseconds.
 */
import { encode } from './core/encode.ts';
import type { Env } from './env.ts';
import { createFrontend } from './frontend/service.ts';
import { createHistory } from './history/service.ts';
import { createMatching } from './matching/service.ts';
import { decodeRequest } from './rpc/codec.ts';
import { type RpcHandlers, type RpcMethod, SERVICES } from './rpc/contract.ts';
import { createMemoryDatabase } from './store/memory/database.ts';
import { createMemoryStore } from './store/memory/store.ts';
import { DEFAULT_NAMESPACE, MAC_SECRET } from './store/seed.ts';
import type { Log } from './telemetry/log.ts';

export type { Env, Timer } from './env.ts';
export { createIdMaker } from './env-real.ts';
export type { Progress } from './history/progress.ts';
export type { RpcHandlers } from './rpc/contract.ts';
export type { Log } from './telemetry/log.ts';

export interface EngineOptions {
  /** The only clock, timers and chance the engine knows. */
  readonly env: Env;
  /** Default: nothing is logged. */
  readonly log?: Log;
}

/** Names of all RPCs, in camelCase. */
export type RpcName = keyof RpcHandlers;

export interface Engine {
  /** Everything the public services do, as functions. */
  readonly rpcs: RpcHandlers;
  /**
   * One call as it comes over the wire: bytes in, bytes out, with the checks of the wire. Rejects with errors of the catalogue: `code`,
   * `reason`, `message`, `metadata`, `retryAfterMs`. When `abort` is aborted, tasks in the answer go back.
   */
  call(name: RpcName, request: Uint8Array, abort: AbortSignal): Promise<Uint8Array>;
  readonly progress: ReturnType<typeof createHistory>['progress'];
  /** Answers what waits, and ends. */
  close(): Promise<void>;
}

/** A run is never far from memory, and whoever owns the clock may let years pass between two beats. */
const FOREVER_MS = 100 * 365 * 86_400_000;
const VERSION = 'engine';

/** Starts an engine with one namespace, "default", that keeps closed runs for ever. */
export async function createEngine({ env, log = () => {} }: EngineOptions): Promise<Engine> {
  const database = createMemoryDatabase();
  database.namespaces.set(DEFAULT_NAMESPACE.name, { ...DEFAULT_NAMESPACE, retentionMs: FOREVER_MS });
  const store = createMemoryStore({ now: env.now, database });
  const tokenKey = (await store.getSecret(MAC_SECRET)) as Uint8Array;
  const node = { nodeId: env.newId(), address: 'engine:0', roles: 'frontend,history,matching', version: VERSION };
  const options = { coolAfterMs: FOREVER_MS, serveForMs: FOREVER_MS };
  const history = createHistory({ env, store, node, matching: () => matching, log, tokenKey, options });
  const matching = createMatching({ env, history: () => history, log });
  const rpcs: RpcHandlers = createFrontend({ env, history, matching, store, tokenKey, version: VERSION, log });
  await history.start();
  const methods = new Map(SERVICES.flatMap((service) => service.methods).map((method) => [method.key, method]));
  return {
    rpcs,
    async call(name, request, abort) {
      const method = methods.get(name) as RpcMethod;
      const handler = rpcs[name] as (request: unknown, call: { abort: AbortSignal }) => Promise<unknown>;
      const response = await handler(decodeRequest(method, request), { abort });
      const { answerId = '' } = (response ?? {}) as { answerId?: string };
      if (abort.aborted && answerId !== '') matching.undelivered(answerId);
      return encode(method.response, response);
    },
    progress: history.progress,
    async close() {
      matching.close();
      await history.stop();
      await store.close();
    },
  };
}
