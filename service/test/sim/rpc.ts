/** The network between clients, workers and the service: messages are copied, late, lost or repeated; calls have deadlines. */
import type { Api, CallOptions } from '../../../sdk-ts/src/common/api.ts';
import type { Frontend } from '../../src/frontend/service.ts';
import { type RpcMethod, SERVICES } from '../../src/rpc/contract.ts';
import type { RpcFaultRates } from './plan.ts';
import { count } from './store.ts';
import type { Incarnation, World } from './world.ts';

const DEADLINE_MS = 10_000;
const UNAVAILABLE = 14;
const DEADLINE_EXCEEDED = 4;
const CANCELLED = 1;

/** What listens at the service's address now. */
export interface Listener {
  readonly incarnation: Incarnation;
  readonly frontend: Frontend;
  /** Tasks of this answer did not arrive. */
  undelivered(answerId: string): void;
}

export interface Network {
  readonly world: World;
  rates(): RpcFaultRates;
  /** Undefined while nobody listens. */
  listener(): Listener | undefined;
  readonly counts: Map<string, number>;
}

/** A refusal as it comes off the wire; without reason it is the transport's. */
class WireError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;

  constructor(code: number, message: string, reason = '', metadata: Record<string, string> = {}, retryAfterMs?: number) {
    super(message);
    this.name = 'WireError';
    this.code = code;
    this.reason = reason;
    this.metadata = metadata;
    this.retryAfterMs = retryAfterMs;
  }
}

/** All RPCs, made by one process. */
export function createApi(network: Network, caller: Incarnation): Api {
  const methods = SERVICES.flatMap((service) => service.methods);
  const rpcs = methods.map((method) => [
    method.key,
    (request: unknown, options?: CallOptions) => call(network, caller, method, request, options),
  ]);
  return Object.fromEntries(rpcs) as Api;
}

function latency({ world, rates }: Network): number {
  const { slow, slowMs } = rates();
  return world.random.chance(slow) ? world.random.next() * slowMs : world.random.between(0.1, 3);
}

function call(network: Network, caller: Incarnation, method: RpcMethod, request: unknown, options: CallOptions = {}): Promise<unknown> {
  const { world, counts } = network;
  const { random } = world;
  const rates = network.rates();
  const bytes = method.request.encode(request).finish();
  const abort = new AbortController();
  count({ counts }, 'rpcs');
  return new Promise((resolve, reject) => {
    if (!caller.alive) return;
    let ended = false;
    const end = (run: () => void): void => {
      if (ended) return;
      ended = true;
      deadline.cancel();
      dead.done();
      options.abort?.removeEventListener('abort', cancel);
      run();
    };
    const fail = (code: number, text: string): void => end(() => reject(new WireError(code, text)));
    const hangUp = (): void => void world.after(latency(network), `${method.key} hung up`, () => abort.abort());
    const deadline = world.after(
      options.deadlineMs ?? DEADLINE_MS,
      `${method.key} of ${caller.name} past its deadline`,
      () => {
        fail(DEADLINE_EXCEEDED, 'deadline exceeded');
        hangUp();
      },
      caller,
    );
    const cancel = (): void => {
      fail(CANCELLED, 'cancelled by the caller');
      hangUp();
    };
    const dead = onCrash(caller, hangUp);
    if (options.abort?.aborted) return cancel();
    options.abort?.addEventListener('abort', cancel, { once: true });
    const deliver = (outcome: Outcome): void =>
      void world.after(
        latency(network),
        `${method.key} answers ${caller.name}${'error' in outcome ? ` ${outcome.error.reason || outcome.error.code}` : ''}`,
        () => end(() => ('error' in outcome ? reject(outcome.error) : resolve(method.response.decode(outcome.bytes)))),
        caller,
      );
    const lost = random.chance(rates.lostRequest) ? 'request' : random.chance(rates.lostAnswer) ? 'answer' : undefined;
    if (lost !== undefined) count({ counts }, `lost ${lost}`);
    if (lost === 'request') {
      // The connection breaks sooner or later; else the deadline ends the call.
      world.after(random.next() * 2 * DEADLINE_MS, `${method.key} reset`, () => fail(UNAVAILABLE, 'connection reset'), caller);
      return;
    }
    const answer = (outcome: Outcome): void => {
      if (lost === 'answer') world.after(random.next() * 1_000, `${method.key} reset`, () => fail(UNAVAILABLE, 'connection reset'), caller);
      else deliver(outcome);
    };
    arrive(network, caller, method, bytes, abort.signal, answer, fail);
    if (!random.chance(rates.repeated)) return;
    count({ counts }, 'repeated');
    const nobody = (): void => {};
    world.after(random.next() * 2_000, `${method.key} again`, () => arrive(network, caller, method, bytes, abort.signal, nobody, nobody));
  });
}

type Outcome = { readonly bytes: Uint8Array } | { readonly error: WireError };

/** The request reaches the service after a while, if anybody listens. */
function arrive(
  network: Network,
  caller: Incarnation,
  method: RpcMethod,
  bytes: Uint8Array,
  abort: AbortSignal,
  answer: (outcome: Outcome) => void,
  fail: (code: number, text: string) => void,
): void {
  const { world } = network;
  const at = latency(network);
  const knock = (): void => {
    const listener = network.listener();
    if (abort.aborted) return;
    const frozen = (listener?.incarnation.frozenUntil ?? 0) - world.now();
    if (frozen > 0) {
      world.after(frozen, `${method.key} from ${caller.name}`, knock);
      return;
    }
    if (listener === undefined) {
      world.after(latency(network), `${method.key} refused`, () => fail(UNAVAILABLE, 'connection refused'), caller);
      return;
    }
    serve(network, listener, caller, method, bytes, abort, answer, fail);
  };
  world.after(at, `${method.key} from ${caller.name}`, knock);
}

function serve(
  network: Network,
  { incarnation, frontend, undelivered }: Listener,
  caller: Incarnation,
  method: RpcMethod,
  bytes: Uint8Array,
  abort: AbortSignal,
  answer: (outcome: Outcome) => void,
  fail: (code: number, text: string) => void,
): void {
  const { world } = network;
  const request = method.request.decode(bytes);
  const open = onCrash(incarnation, () => {
    world.after(latency(network), `${method.key} broke`, () => fail(UNAVAILABLE, 'the service went away'), caller);
  });
  const handle = (frontend[method.key] as (request: unknown, call: { abort: AbortSignal }) => Promise<unknown>)(request, { abort });
  handle.then(
    (response) => {
      open.done();
      if (!incarnation.alive) return;
      if (method.key === 'completeActivityTasks') countFollowUps(network, request as Ends, response as Ended);
      const { answerId = '' } = (response ?? {}) as { answerId?: string };
      if (abort.aborted || !caller.alive) {
        if (answerId !== '') undelivered(answerId);
        return;
      }
      answer({ bytes: method.response.encode(response).finish() });
    },
    (error: unknown) => {
      open.done();
      if (incarnation.alive) answer({ error: toWireError(error) });
    },
  );
}

type Ends = Parameters<Frontend['completeActivityTasks']>[0];
type Ended = Awaited<ReturnType<Frontend['completeActivityTasks']>>;

/** What became of follow-ups whose attempt's end was taken. */
function countFollowUps(network: Network, { completions }: Ends, { errors, followUps }: Ended): void {
  for (const [index, { followUp }] of completions.entries()) {
    if (followUp === undefined || errors[index]?.code !== 0) continue;
    count(network, followUps[index]?.outcome?.$case === 'ok' ? 'follow-ups taken' : 'follow-ups left out');
  }
}

function toWireError(error: unknown): WireError {
  const { code, reason, message, metadata, retryAfterMs } = error as WireError;
  if (typeof code !== 'number') throw error;
  return new WireError(code, message, reason, { ...metadata }, retryAfterMs);
}

const watchers = new WeakMap<Incarnation, Set<() => void>>();

function onCrash(incarnation: Incarnation, run: () => void): { done(): void } {
  const set = watchers.get(incarnation) ?? new Set();
  watchers.set(incarnation, set);
  set.add(run);
  return { done: () => void set.delete(run) };
}

/** Breaks the connections of a process that has just crashed. */
export function breakConnections(incarnation: Incarnation): void {
  for (const run of watchers.get(incarnation) ?? []) run();
  watchers.delete(incarnation);
}
