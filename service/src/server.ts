/** Joins the roles into a running node: listen, wait for the database, serve, and stop in order. */
import type { Env } from './env.ts';
import { PerdureError } from './errors.ts';
import { createFrontend } from './frontend/service.ts';
import { createHistory } from './history/service.ts';
import { createMatching } from './matching/service.ts';
import type { MatchingRole } from './roles.ts';
import type { RpcHandlers } from './rpc/contract.ts';
import { createRpcServer, type RpcServer } from './rpc/server.ts';
import { MAC_SECRET } from './store/seed.ts';
import { type Store, StoreError } from './store/store.ts';
import type { Log } from './telemetry/log.ts';

/** How often health is asked of history. */
const HEALTH_EVERY_MS = 500;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5_000;
/** A clean stop takes at most about 10 s in all; the lane gets most of it. */
const HISTORY_STOP_MS = 5_000;
const STORE_CLOSE_MS = 1_000;

export interface ServerOptions {
  /** `host:port` to listen on. */
  readonly address: string;
  readonly store: Store;
  readonly env: Env;
  readonly log: Log;
  readonly version: string;
  /** Throws an error with a code when the database cannot be reached, without one when its schema is of no use. */
  checkSchema(): Promise<void>;
  /** The node cannot go on (fenced again and again): the process should end. */
  onFatal?(reason: string): void;
}

export interface RunningServer {
  /** As bound, `host:port`. */
  readonly address: string;
  /** Resolves when all roles serve; rejects when they never will (wrong schema). */
  readonly ready: Promise<void>;
  /** Stops serving within about 10 s; nothing acknowledged is lost. Idempotent. */
  stop(): Promise<void>;
}

/** Rejects when the address cannot be listened on. A database that is away is waited for. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const node: Node = { options, roles: undefined, stopping: undefined, wake: () => {} };
  const rpc = await createRpcServer({
    env: options.env,
    log: options.log,
    handlers: () => node.roles?.frontend,
    unavailable: () => new PerdureError('DATABASE_UNAVAILABLE', 'the service is starting and waits for its database', {}, 1_000),
    undelivered: (answerId) => node.roles?.matching.undelivered(answerId),
  });
  const address = await rpc.listen(options.address);
  const ready = bringUp(node, address).then(() => watchHealth(node, rpc));
  ready.catch(() => {});
  return { address, ready, stop: () => (node.stopping ??= takeDown(node, rpc)) };
}

interface Roles {
  readonly frontend: RpcHandlers;
  readonly matching: MatchingRole & { close(): void | Promise<void> };
  readonly history: ReturnType<typeof createHistory>;
}

interface Node {
  readonly options: ServerOptions;
  roles: Roles | undefined;
  stopping: Promise<void> | undefined;
  /** Ends the current wait early. */
  wake: () => void;
}

/** Tries until the database is there; says so once per kind of trouble. */
async function bringUp(node: Node, address: string): Promise<void> {
  const { log } = node.options;
  let trouble = '';
  for (let wait = FIRST_RETRY_MS; node.stopping === undefined; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
    try {
      await startRoles(node, address);
      if (trouble !== '') log('info', 'database reached');
      return;
    } catch (error) {
      const problem = databaseProblem(error);
      if (problem === undefined) throw error;
      if (problem !== trouble) log('warn', 'database not available, trying again', { error: problem });
      trouble = problem;
    }
    await pause(node, wait);
  }
}

/** What keeps the database from answering; undefined for errors that waiting does not cure. */
function databaseProblem(error: unknown): string | undefined {
  if (error instanceof StoreError) return error.message;
  // Errors of drivers and of the network have a code (SQLSTATE or errno), or are the cause of one that says what was tried.
  const { message, code, cause } = error as { message?: string; code?: unknown; cause?: { code?: unknown } };
  const known = code ?? cause?.code;
  return typeof known === 'string' ? `${message || 'no connection'} (${known})` : undefined;
}

async function startRoles(node: Node, address: string): Promise<void> {
  const { env, store, log, version, checkSchema } = node.options;
  await checkSchema();
  const tokenKey = await store.getSecret(MAC_SECRET);
  if (tokenKey === undefined) throw new Error('the database has no token key: run `perdure migrate`');
  const info = { nodeId: env.newId(), address, roles: 'frontend,history,matching', version };
  const history = createHistory({
    env,
    store,
    node: info,
    matching: () => matching,
    log,
    tokenKey,
    options: { onFatal: (reason) => node.options.onFatal?.(reason) },
  });
  const matching: Roles['matching'] = createMatching({ env, history: () => history, log });
  const frontend = createFrontend({ env, history, matching, store, tokenKey, version, log });
  try {
    await history.start();
  } catch (error) {
    // Another attempt begins with a new node and empty memory.
    await history.stop().catch(() => {});
    throw error;
  }
  node.roles = { frontend, matching, history };
}

function watchHealth(node: Node, rpc: RpcServer): void {
  const { env, log } = node.options;
  let before = 'not-serving';
  const look = (): void => {
    if (node.stopping !== undefined || node.roles === undefined) return;
    const health = node.roles.history.health();
    if (health !== before) {
      rpc.setServing(health === 'serving');
      log(health === 'serving' ? 'info' : 'warn', health === 'serving' ? 'serving' : 'not serving');
    }
    before = health;
    env.setTimer(HEALTH_EVERY_MS, look);
  };
  look();
}

async function takeDown(node: Node, rpc: RpcServer): Promise<void> {
  const { log, store } = node.options;
  node.wake();
  rpc.setServing(false);
  // Polls first: answered empty, their workers look for another server before they could take more tasks.
  await node.roles?.matching.close();
  await rpc.stop();
  const stopped = await Promise.race([node.roles?.history.stop().then(() => true), pause(node, HISTORY_STOP_MS).then(() => false)]);
  if (stopped === false) log('warn', 'history did not stop in time; its runs are taken over from the database', { ms: HISTORY_STOP_MS });
  node.wake();
  // A database that hangs must not keep the process from ending.
  await Promise.race([store.close(), pause(node, STORE_CLOSE_MS)]);
  node.wake();
  log('info', 'stopped');
}

function pause(node: Node, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = node.options.env.setTimer(ms, resolve);
    node.wake = () => {
      timer.cancel();
      resolve();
    };
  });
}
