/** Clients that keep a number of workflows running and write down what was acknowledged to them. */
import { Client } from '@perdure/sdk/client';
import { createIdMaker } from '../../../src/env-real.ts';
import { add, type OrderResult, order } from './workflows.ts';

export interface Order {
  readonly id: number;
  readonly workflowId: string;
  readonly requestId: string;
  runId: string;
  /** Values whose signal was acknowledged, in order. */
  readonly signaled: number[];
  result: OrderResult | undefined;
}

export interface Load {
  readonly orders: Order[];
  /** Starts, signals and results acknowledged so far. */
  acknowledged(): number;
  /** Resolves when `count` more operations are acknowledged. */
  more(count: number): Promise<void>;
  /** No new workflows; resolves when all have ended. */
  finish(): Promise<void>;
}

export const SIGNALS = 2;

export function startLoad(address: string, concurrency: number): Load {
  const client = new Client({ address });
  const newId = createIdMaker(() => Date.now());
  const orders: Order[] = [];
  const waiting: { at: number; resolve: () => void }[] = [];
  let acknowledged = 0;
  let ending = false;

  function count(): void {
    acknowledged += 1;
    while (waiting[0] !== undefined && waiting[0].at <= acknowledged) waiting.shift()?.resolve();
  }

  /** Repeats the same request, as a client would, until it is acknowledged. */
  async function insist<T>(body: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const answer = await body();
        count();
        return answer;
      } catch (error) {
        const reason = (error as { reason?: string }).reason ?? '';
        if (!['UNAVAILABLE', 'DATABASE_UNAVAILABLE', 'OVERLOADED', ''].includes(reason)) throw error;
      }
    }
  }

  async function one(id: number): Promise<void> {
    const workflowId = `order-${id}`;
    const made: Order = { id, workflowId, requestId: newId(), runId: '', signaled: [], result: undefined };
    orders.push(made);
    const start = { workflowId, taskQueue: 'kill', args: [id, SIGNALS] as [number, number], requestId: made.requestId };
    const handle = await insist(() => client.start(order, start));
    made.runId = handle.runId ?? '';
    for (let n = 0; n < SIGNALS; n += 1) {
      const value = id * SIGNALS + n;
      await insist(() => handle.signal(add, value));
      made.signaled.push(value);
    }
    made.result = await insist(() => handle.result());
  }

  let next = 0;
  const lines = Array.from({ length: concurrency }, async () => {
    while (!ending) await one(next++);
  });
  const all = Promise.all(lines);
  all.catch(() => {});

  return {
    orders,
    acknowledged: () => acknowledged,
    more: (wanted) =>
      Promise.race([new Promise<void>((resolve) => waiting.push({ at: acknowledged + wanted, resolve })), all.then(() => {})]),
    async finish() {
      ending = true;
      await all;
      // A repeated start finds its run after the close, too.
      for (const each of orders) {
        const again = await client.start(order, {
          workflowId: each.workflowId,
          taskQueue: 'kill',
          args: [each.id, SIGNALS],
          requestId: each.requestId,
        });
        if (again.runId !== each.runId)
          throw new Error(`the start of ${each.workflowId} was repeated and made run ${again.runId}, not ${each.runId}`);
      }
      client.close();
    },
  };
}
