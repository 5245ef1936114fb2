// A report at fixed times. Each run is a workflow of its own; it finds what the run before it returned.
import { proxyActivities, workflowInfo } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { salesSince } = proxyActivities<typeof activities>({ startToCloseTimeout: '10 seconds' });

export interface Report {
  readonly number: number;
  readonly total: number;
}

export async function report(): Promise<Report> {
  const before = workflowInfo().lastResult as Report | undefined;
  const sales = await salesSince(before?.number ?? 0);
  return { number: (before?.number ?? 0) + 1, total: (before?.total ?? 0) + sales };
}
