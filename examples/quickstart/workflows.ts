// A workflow: ordinary code whose progress survives crashes and restarts. It waits, decides and calls activities;
// what touches the world (network, files, databases) belongs into an activity.
import { proxyActivities, setVar, sleep } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { composeGreeting } = proxyActivities<typeof activities>({ startToCloseTimeout: '10 seconds' });

/** Greets after a moment. Kill the worker, or the service, while it waits: it goes on where it was. */
export async function greet(name: string): Promise<string> {
  setVar('step', 'waiting');
  await sleep('2 seconds');
  setVar('step', 'greeting');
  return composeGreeting(name);
}
