// What the type tests use wrongly: workflows, signals, queries and activities of a shop.

import { defineQuery, defineSignal, defineUpdate } from '@perdure/sdk/workflow';

export interface Order {
  id: string;
  placed: Date;
  amounts: number[];
}

export const approve = defineSignal<[by: string, level: number]>('approve');
export const nudge = defineSignal('nudge');
export const total = defineQuery<number, [currency: string]>('total');
export const rebate = defineUpdate<number, [code: string, percent: number]>('rebate');
export const recount = defineUpdate<Date>('recount');

export async function order(_order: Order, _express?: boolean): Promise<Order> {
  return { id: 'a', placed: new Date(0), amounts: [] };
}

export async function sweep(): Promise<void> {}

export const activities = {
  charge: async (_id: string, _amount: number): Promise<{ receipt: string }> => ({ receipt: 'r' }),
  /** A synchronous one is a promise to the workflow too. */
  round: (value: number): number => Math.round(value),
  limit: 5,
};
