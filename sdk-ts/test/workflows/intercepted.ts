// Workflows that run with the interceptors of interceptors.ts.

import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  executeChild,
  getExternalWorkflowHandle,
  proxyActivities,
  saga,
  setHandler,
  sleep,
  workflowInfo,
} from '@perdure/sdk/workflow';
import { seen } from './intercepted-state.ts';

const { work } = proxyActivities<{ work(...args: string[]): Promise<string> }>({ startToCloseTimeout: '1m' });

export async function traced(...args: string[]): Promise<unknown> {
  const signals: string[] = [];
  setHandler(defineSignal<[value: string]>('go'), (value) => void signals.push(value));
  setHandler(defineQuery<string>('peek'), () => 'peeked');
  const worked = await work('own');
  await condition(() => signals.length > 0);
  await sleep('1s');
  seen.push('end');
  return { args, worked, signals, headers: workflowInfo().headers };
}

/** Asks others for something, then goes on as another run, from inside of a saga that must not undo anything. */
export async function asking(): Promise<void> {
  await saga(async (undo) => {
    undo.addCompensation(() => work('undo'));
    void executeChild('child', { args: [1] }).catch(() => {});
    void getExternalWorkflowHandle('other')
      .signal('go')
      .catch(() => {});
    await sleep('1s');
    continueAsNew<typeof dynamic>('args');
  });
}

/** For every type without a workflow of its own. */
export default async function dynamic(...args: unknown[]): Promise<unknown> {
  return { type: workflowInfo().workflowType, args };
}
