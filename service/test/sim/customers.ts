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
import { argsOf, ballast, type Type, typeOf } from './orders.ts';
import { NAMESPACES, type Plan } from './plan.ts';
import type { Random } from './random.ts';
import { createApi, type Network } from './rpc.ts';
import { count } from './store.ts';
import { TASK_QUEUE } from './workers.ts';
import type { World } from './world.ts';

/** `unknown`: no answer came in time; it may have happened. */
export type Told = 'ok' | 'refused' | 'unknown';

export interface Asked {
  readonly kind: 'start' | 'signal' | 'cancel' | 'terminate';
  readonly namespaceId: string;
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

/** Two processes: what one client asks at once travels in one request. */
interface Tenant {
  readonly namespaceId: string;
  readonly client: Client;
  readonly other: Client;
}

interface Customer extends CustomersOptions, Tenant {
  /** Those of the other namespaces. */
  readonly neighbours: readonly Tenant[];
  readonly random: Random;
  readonly pause: (ms: number) => Promise<void>;
  readonly newId: () => string;
}

/** Sends customers in, one after the other, while the faults last. */
export function sendCustomers(options: CustomersOptions): void {
  const { world, plan, network, records } = options;
  const incarnation = world.spawn('clients');
  const log = (level: string, message: string): void => world.note(`clients ${level}: ${message}`);
  const tenants = NAMESPACES.slice(0, plan.namespaces).map(({ name, namespaceId }): Tenant => {
    const newClient = (): Client =>
      new Client({ connection: createApi(network, incarnation), clock: incarnation.env, identity: 'clients', namespace: name, log });
    return { namespaceId, client: newClient(), other: newClient() };
  });
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void incarnation.env.setTimer(ms, resolve));
  for (let number = 0; number < plan.runs; number += 1) {
    const tenant = tenants[number % tenants.length] as Tenant;
    const neighbours = tenants.filter((each) => each !== tenant);
    const customer: Customer = { ...options, ...tenant, neighbours, random: world.random.fork(), pause, newId: incarnation.env.newId };
    records.open += 1;
    const workflowId = plan.sharedIds ? `shared-${customer.random.below(3)}` : `own-${Math.floor(number / tenants.length)}`;
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
async function ask(
  customer: Customer,
  asked: Omit<Asked, 'told' | 'toldAt' | 'askedAt' | 'namespaceId'>,
  body: () => Promise<string>,
  namespaceId: string = customer.namespaceId,
): Promise<Asked> {
  const { world, records, counts } = customer;
  const entry: Asked = { ...asked, namespaceId, askedAt: world.now(), told: undefined, toldAt: 0 };
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

async function visit(customer: Customer, workflowId: string): Promise<void> {
  const { random, client, other, neighbours, newId, pause } = customer;
  const type = typeOf(customer);
  const requestId = newId();
  const options = {
    workflowId,
    taskQueue: TASK_QUEUE,
    args: [...argsOf(type, customer), ...ballast(customer)],
    requestId,
    conflictPolicy: random.pick(['fail', 'useExisting', 'terminateExisting'] as const),
    reusePolicy: random.pick(['allow', 'allow', 'allowFailedOnly', 'reject'] as const),
    ...(type === 'stubborn' && { retry: { initialInterval: random.below(3_000) + 1 } }),
    ...(random.chance(0.1) && { startDelay: random.below(5_000) }),
    ...(random.chance(0.1) && { runTimeout: 10_000 + random.below(30_000) }),
  };
  const asked = { kind: 'start', workflowId, runId: '', requestId, type, value: 0 } as const;
  const start = (by: Client, namespaceId?: string): Promise<Asked> =>
    ask(customer, asked, async () => (await by.start(type, options)).runId, namespaceId);
  const first = start(client);
  // The same request from elsewhere, at once or much later: it must find the same run.
  const second = random.chance(0.3) ? pause(random.pick([0, 3, 1_000, 30_000]) * random.next()).then(() => start(other)) : undefined;
  // The same request in another namespace is another's: it makes a run of its own.
  const twins = neighbours.filter(() => random.chance(0.3)).map((each) => start(each.client, each.namespaceId));
  const { told, runId } = await first;
  if (told === 'ok') {
    const handle = client.getHandle(workflowId, runId);
    // Nobody asks for the others: they must get on by themselves.
    const awaited = random.chance(0.6);
    await Promise.all([interact(customer, handle, type), awaited && look(customer, handle), awaited && result(customer, handle)]);
  }
  await Promise.all([second, ...twins]);
}

/** What the type of workflow waits for. */
async function interact(customer: Customer, handle: WorkflowHandle, type: Type): Promise<void> {
  const { random, pause } = customer;
  await pause(random.next() * 5_000);
  if (random.chance(0.07)) await message(customer, handle, type, 'terminate');
  if (type === 'patient' || random.chance(0.1)) await message(customer, handle, type, 'cancel');
  if (type !== 'collector' && type !== 'entity' && type !== 'worker' && type !== 'clumsy') return;
  const asks = type !== 'worker' && type !== 'entity';
  const signals: Promise<void>[] = [];
  for (let left = random.below(type === 'entity' ? 12 : 6); left > 0; left -= 1) {
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
