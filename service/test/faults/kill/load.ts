/** Clients that keep a number of workflows running and write down what was acknowledged to them. */
import { Client, ServiceError } from '@perdure/sdk/client';
import { createIdMaker } from '../../../src/env-real.ts';
import { add, type FamilyResult, family, type OrderResult, order } from './workflows.ts';

export interface Order {
  readonly id: number;
  readonly workflowId: string;
  readonly requestId: string;
  runId: string;
  /** Values whose signal was acknowledged, in order. */
  readonly signaled: number[];
  result: OrderResult | undefined;
  /** What ended it early: an answer that no repetition changes, or a workflow that failed. */
  problem: string | undefined;
}

export interface Family {
  readonly workflowId: string;
  readonly requestId: string;
  runId: string;
  result: FamilyResult | undefined;
  problem: string | undefined;
}

export interface Load {
  readonly orders: Order[];
  readonly families: Family[];
  /** Starts, signals and results acknowledged so far. */
  acknowledged(): number;
  /** Resolves when `count` more operations are acknowledged. */
  more(count: number): Promise<void>;
  /** No new workflows; resolves when all have ended. */
  finish(): Promise<void>;
}

export const SIGNALS = 2;
/** One of so many workflows is a family. */
const FAMILY_EVERY = 8;

const PASSING_REASONS = ['UNAVAILABLE', 'DATABASE_UNAVAILABLE', 'OVERLOADED'];
/** CANCELLED, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE: what a connection that breaks is told as, without a reason. */
const PASSING_CODES = [1, 4, 13, 14];

/** The service, or the way to it, was away. Anything else is an answer. */
function passes(error: unknown): boolean {
  if (!(error instanceof ServiceError)) return false;
  return error.reason === '' ? PASSING_CODES.includes(error.code) : PASSING_REASONS.includes(error.reason);
}

/** Repeats the same request, as a client would, until it is answered. */
async function insist<T>(body: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await body();
    } catch (error) {
      if (!passes(error)) throw error;
    }
  }
}

export function startLoad(address: string, concurrency: number): Load {
  const client = new Client({ address });
  const newId = createIdMaker(() => Date.now());
  const orders: Order[] = [];
  const families: Family[] = [];
  const waiting: { at: number; resolve: () => void }[] = [];
  let acknowledged = 0;
  let ending = false;

  function count(): void {
    acknowledged += 1;
    while (waiting[0] !== undefined && waiting[0].at <= acknowledged) waiting.shift()?.resolve();
  }

  async function acknowledge<T>(body: () => Promise<T>): Promise<T> {
    const answer = await insist(body);
    count();
    return answer;
  }

  /** Resolves to false when the order came to nothing: its line ends with it, and the checker tells. */
  function one(id: number): Promise<boolean> {
    return id % FAMILY_EVERY === FAMILY_EVERY - 1 ? oneFamily(id) : oneOrder(id);
  }

  async function oneFamily(id: number): Promise<boolean> {
    const workflowId = `family-${id}`;
    const made: Family = { workflowId, requestId: newId(), runId: '', result: undefined, problem: undefined };
    families.push(made);
    try {
      const handle = await acknowledge(() => client.start(family, { workflowId, taskQueue: 'kill', requestId: made.requestId }));
      made.runId = handle.runId ?? '';
      made.result = await acknowledge(() => handle.result());
    } catch (error) {
      made.problem = String(error);
    }
    return made.problem === undefined;
  }

  async function oneOrder(id: number): Promise<boolean> {
    const made: Order = {
      id,
      workflowId: `order-${id}`,
      requestId: newId(),
      runId: '',
      signaled: [],
      result: undefined,
      problem: undefined,
    };
    orders.push(made);
    try {
      await see(made);
    } catch (error) {
      made.problem = String(error);
    }
    return made.problem === undefined;
  }

  async function see(made: Order): Promise<void> {
    const { id, workflowId } = made;
    const start = { workflowId, taskQueue: 'kill', args: [id, SIGNALS] as [number, number], requestId: made.requestId };
    const handle = await acknowledge(() => client.start(order, start));
    made.runId = handle.runId ?? '';
    for (let n = 0; n < SIGNALS; n += 1) {
      const value = id * SIGNALS + n;
      await acknowledge(() => handle.signal(add, value));
      made.signaled.push(value);
    }
    made.result = await acknowledge(() => handle.result());
  }

  let next = 0;
  const lines = Array.from({ length: concurrency }, async () => {
    while (!ending && (await one(next++)));
  });
  const all = Promise.all(lines);
  all.catch(() => {});

  return {
    orders,
    families,
    acknowledged: () => acknowledged,
    more: (wanted) =>
      Promise.race([new Promise<void>((resolve) => waiting.push({ at: acknowledged + wanted, resolve })), all.then(() => {})]),
    async finish() {
      ending = true;
      await all;
      // A repeated start finds its run after the close, too.
      for (const each of orders.filter(({ runId }) => runId !== '')) {
        const { workflowId, requestId } = each;
        const again = await insist(() => client.start(order, { workflowId, taskQueue: 'kill', args: [each.id, SIGNALS], requestId }));
        if (again.runId !== each.runId) each.problem = `its start was repeated and made run ${again.runId}, not ${each.runId}`;
      }
      client.close();
    },
  };
}
