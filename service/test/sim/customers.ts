/** Clients at work, by the SDK's client: what they asked for, and what they were told. */

import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { DescribeWorkflowResponse } from '@perdure/proto/perdure/api/v1/workflow_service';
import {
  Client,
  ServiceError,
  WorkflowAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
} from '@perdure/sdk/client';
import type { Flaw } from './clumsy.ts';
import type { Plan } from './plan.ts';
import type { Random } from './random.ts';
import { createApi, type Network } from './rpc.ts';
import { count } from './store.ts';
import { TASK_QUEUE } from './workers.ts';
import type { World } from './world.ts';

/** `unknown`: no answer came in time; it may have happened. */
export type Told = 'ok' | 'refused' | 'unknown';

export interface Asked {
  readonly kind: 'start' | 'signal' | 'cancel' | 'terminate';
  readonly workflowId: string;
  /** Of the run meant; for starts the run answered. */
  runId: string;
  readonly requestId: string;
  readonly type: string;
  /** Signal value, or reason: unique. */
  readonly value: number;
  readonly askedAt: number;
  told: Told | undefined;
  toldAt: number;
}

/** What was seen of a run, to be compared with how it ended. */
export interface Seen {
  readonly runId: string;
  readonly kind: 'result' | 'history' | 'status' | 'values';
  readonly askedAt: number;
  readonly at: number;
  readonly result?: unknown;
  readonly failed?: string;
  readonly events?: readonly HistoryEvent[];
  readonly status?: string;
  readonly historyLength?: number;
  readonly described?: DescribeWorkflowResponse;
  readonly values?: readonly number[];
}

export interface Records {
  readonly asked: Asked[];
  readonly seen: Seen[];
  /** Things no client may be told. */
  readonly wrong: string[];
  /** Customers at work. */
  open: number;
}

export interface CustomersOptions {
  readonly world: World;
  readonly plan: Plan;
  readonly network: Network;
  readonly counts: Map<string, number>;
  readonly records: Records;
}

interface Customer extends CustomersOptions {
  readonly client: Client;
  readonly other: Client;
  readonly random: Random;
  readonly pause: (ms: number) => Promise<void>;
  readonly newId: () => string;
}

const TYPES = [
  'pipeline',
  'napper',
  'alarms',
  'collector',
  'worker',
  'risky',
  'heart',
  'patient',
  'racer',
  'clumsy',
  'hauler',
  'trusting',
] as const;
type Type = (typeof TYPES)[number];

/** From this size of an argument on the change that records it takes the second lane. */
const HEAVY_BYTES = 262_144;

function argsOf(type: Type, random: Random, heavy: boolean): unknown[] {
  const some = (most: number, draw: () => number): number[] => Array.from({ length: 1 + random.below(most) }, draw);
  switch (type) {
    case 'pipeline':
    case 'trusting':
      return [some(6, () => random.below(100))];
    case 'napper':
      return [some(3, () => random.below(random.pick([500, 10_000, 90_000])))];
    case 'alarms':
      return [some(5, () => random.below(40_000))];
    case 'collector':
    case 'worker':
      return [20_000 + random.below(60_000)];
    case 'risky':
      return [1 + random.below(2)];
    case 'heart':
      return [1 + random.below(20)];
    case 'patient':
      return [5_000 + random.below(60_000)];
    case 'racer':
      return [1 + random.below(4)];
    case 'hauler':
      return [some(4, () => 10 * (1 + random.below(heavy && random.chance(0.6) ? 60_000 : 100)))];
    case 'clumsy': {
      const numbers = some(4, () => random.below(100));
      const flaw: Flaw = random.pick(['thrown', 'bad command']);
      return [{ flaw, at: random.below(numbers.length), numbers, patience: 20_000 + random.below(60_000) }];
    }
  }
}

/** Sends customers in, one after the other, while the faults last. */
export function sendCustomers(options: CustomersOptions): void {
  const { world, plan, network, records } = options;
  const incarnation = world.spawn('clients');
  const log = (level: string, message: string): void => world.note(`clients ${level}: ${message}`);
  const newClient = (): Client =>
    new Client({ connection: createApi(network, incarnation), clock: incarnation.env, identity: 'clients', log });
  // Two processes: what one client asks at once travels in one request.
  const [client, other] = [newClient(), newClient()];
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void incarnation.env.setTimer(ms, resolve));
  for (let number = 0; number < plan.runs; number += 1) {
    const customer: Customer = { ...options, client, other, random: world.random.fork(), pause, newId: incarnation.env.newId };
    records.open += 1;
    const workflowId = plan.sharedIds ? `shared-${customer.random.below(3)}` : `own-${number}`;
    const at = world.random.next() * plan.faultsEnd * 0.8;
    world.after(plan.crowded ? at - (at % 5_000) : at, `customer ${number} comes`, () => {
      void visit(customer, workflowId).then(
        () => {
          records.open -= 1;
        },
        (error: unknown) => {
          records.open -= 1;
          records.wrong.push(`customer ${number}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        },
      );
    });
  }
}

/** Asks until told, and notes what. */
async function ask(customer: Customer, asked: Omit<Asked, 'told' | 'toldAt' | 'askedAt'>, body: () => Promise<string>): Promise<Asked> {
  const { world, records, counts } = customer;
  const entry: Asked = { ...asked, askedAt: world.now(), told: undefined, toldAt: 0 };
  records.asked.push(entry);
  count({ counts }, asked.kind);
  try {
    entry.runId = await body();
    entry.told = 'ok';
  } catch (error) {
    entry.told = verdict(customer, error);
  }
  entry.toldAt = world.now();
  world.note(`told: ${asked.kind} ${asked.workflowId} ${asked.value} ${entry.told}`);
  return entry;
}

/** What an error says about whether it happened; what no service may answer is noted as wrong. */
function verdict({ records }: Customer, error: unknown): Told {
  if (error instanceof WorkflowAlreadyStartedError || error instanceof WorkflowNotFoundError) return 'refused';
  if (error instanceof ServiceError) {
    if (error.reason === 'WORKFLOW_CLOSED') return 'refused';
    if (error.code === 14 || error.code === 4 || error.code === 1 || error.reason === 'OVERLOADED') return 'unknown';
    // A poisoned record; the client does not try INTERNAL with a reason again.
    if (error.reason === 'INTERNAL') return 'unknown';
  }
  records.wrong.push(`a client was told: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return 'unknown';
}

function typeOf({ random, plan }: Customer): Type {
  if (plan.trust && random.chance(0.4)) return 'trusting';
  if (plan.flawed > 0 && random.chance(0.3)) return 'clumsy';
  if (plan.heavy && random.chance(0.2)) return 'hauler';
  const type = random.pick(TYPES);
  return type === 'trusting' ? 'pipeline' : type;
}

/** One more argument, which nobody reads. */
function ballast({ plan, random }: Customer): string[] {
  return plan.heavy && random.chance(0.3) ? ['ballast '.repeat((HEAVY_BYTES * (1 + random.next())) / 8)] : [];
}

async function visit(customer: Customer, workflowId: string): Promise<void> {
  const { random, client, other, newId, pause } = customer;
  const type = typeOf(customer);
  const requestId = newId();
  const options = {
    workflowId,
    taskQueue: TASK_QUEUE,
    args: [...argsOf(type, random, customer.plan.heavy), ...ballast(customer)],
    requestId,
    conflictPolicy: random.pick(['fail', 'useExisting', 'terminateExisting'] as const),
    reusePolicy: random.pick(['allow', 'allow', 'allowFailedOnly', 'reject'] as const),
    ...(random.chance(0.1) && { startDelay: random.below(5_000) }),
    ...(random.chance(0.1) && { runTimeout: 10_000 + random.below(30_000) }),
  };
  const start = (by: Client): Promise<Asked> =>
    ask(customer, { kind: 'start', workflowId, runId: '', requestId, type, value: 0 }, async () => (await by.start(type, options)).runId);
  const first = start(client);
  // The same request from elsewhere, at once or much later: it must find the same run.
  const second = random.chance(0.3) ? pause(random.pick([0, 3, 1_000, 30_000]) * random.next()).then(() => start(other)) : undefined;
  const { told, runId } = await first;
  if (told === 'ok') {
    const handle = client.getHandle(workflowId, runId);
    // Nobody asks for the others: they must get on by themselves.
    const awaited = random.chance(0.6);
    await Promise.all([interact(customer, handle, type), awaited && look(customer, handle), awaited && result(customer, handle)]);
  }
  await second;
}

/** What the type of workflow waits for. */
async function interact(customer: Customer, handle: WorkflowHandle, type: Type): Promise<void> {
  const { random, pause } = customer;
  await pause(random.next() * 5_000);
  if (random.chance(0.07)) await message(customer, handle, type, 'terminate');
  if (type === 'patient' || random.chance(0.1)) await message(customer, handle, type, 'cancel');
  if (type !== 'collector' && type !== 'worker' && type !== 'clumsy') return;
  const asks = type !== 'worker';
  const signals: Promise<void>[] = [];
  for (let left = random.below(6); left > 0; left -= 1) {
    const sent = message(customer, handle, type, 'signal');
    signals.push(asks && random.chance(0.3) ? sent.then(() => query(customer, handle, type)) : sent);
    if (random.chance(0.6)) await pause(random.next() ** 2 * 8_000);
    if (asks && random.chance(0.4)) signals.push(query(customer, handle, type));
  }
  await Promise.all(signals);
  const finished = handle.signal('finish').catch((error: unknown) => verdict(customer, error));
  // Around the time at which the run closes: recorded and seen, or refused.
  if (random.chance(0.5))
    await pause(random.next() * 20).then(() => message(customer, handle, type, random.chance(0.8) ? 'signal' : 'cancel'));
  await finished;
}

async function message(customer: Customer, handle: WorkflowHandle, type: string, kind: 'signal' | 'cancel' | 'terminate'): Promise<void> {
  const value = customer.records.asked.length + 1;
  const { workflowId, runId } = handle;
  await ask(customer, { kind, workflowId, runId, requestId: '', type, value }, async () => {
    if (kind === 'signal') await handle.signal('add', value, ...ballast(customer));
    else await handle[kind](`reason ${value}`);
    return runId;
  });
}

/** Signals told ok before the question must be in the answer. */
async function query(customer: Customer, handle: WorkflowHandle, type: Type): Promise<void> {
  const { world, records, counts } = customer;
  const askedAt = world.now();
  count({ counts }, 'query');
  try {
    const values = await handle.query<number[]>('taken');
    records.seen.push({ runId: handle.runId, kind: 'values', askedAt, at: world.now(), values });
  } catch (error) {
    // The run may be one of another type that had the workflow id.
    if (error instanceof Error && error.message.startsWith('no handler for query')) return;
    const { reason, message } = error as ServiceError;
    // Only code with an error cannot replay.
    const excused = type === 'clumsy' || (customer.plan.sharedIds && customer.plan.flawed > 0) || !message.includes('could not replay');
    if (['QUERY_UNANSWERED', 'QUERY_NOT_READY', 'RUN_BLOCKED'].includes(reason) && excused) return;
    verdict(customer, error);
  }
}

/** Describes and reads the history now and then. */
async function look(customer: Customer, handle: WorkflowHandle): Promise<void> {
  const { world, random, pause, records, counts } = customer;
  for (let left = random.below(4); left > 0; left -= 1) {
    await pause(random.next() ** 2 * 30_000);
    const askedAt = world.now();
    const seen = { runId: handle.runId, askedAt };
    try {
      if (random.chance(0.5)) {
        count({ counts }, 'describe');
        const { status, historyLength, raw } = await handle.describe();
        records.seen.push({ ...seen, kind: 'status', at: world.now(), status, historyLength, described: raw });
      } else {
        count({ counts }, 'history');
        const { events } = await handle.fetchHistory();
        records.seen.push({ ...seen, kind: 'history', at: world.now(), events });
      }
    } catch (error) {
      verdict(customer, error);
    }
  }
}

async function result(customer: Customer, handle: WorkflowHandle): Promise<void> {
  const { world, records, counts } = customer;
  const seen = { runId: handle.runId, kind: 'result' as const, askedAt: world.now() };
  count({ counts }, 'result');
  try {
    const value = await handle.result();
    records.seen.push({ ...seen, at: world.now(), result: value });
  } catch (error) {
    if (error instanceof WorkflowFailedError) records.seen.push({ ...seen, at: world.now(), failed: error.status });
    else verdict(customer, error);
  }
}
