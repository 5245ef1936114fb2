/**
 * The workflows of the kill test. An order: activities, a timer, two signals and an activity that must never run twice. A family: children
 * that tell their parent of each run and continue as new.
 */
import {
  condition,
  continueAsNew,
  defineSignal,
  executeChild,
  getExternalWorkflowHandle,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { charge } = proxyActivities<typeof activities>({
  startToCloseTimeout: '20s',
  retry: { initialInterval: '50ms', maximumInterval: '1s' },
});
const { once } = proxyActivities<typeof activities>({ startToCloseTimeout: '5s', retry: { maximumAttempts: 1 } });

export const add = defineSignal<[value: number]>('add');

export interface OrderResult {
  readonly charged: number;
  /** 'ran', or why it is not known to have run. */
  readonly once: string;
  readonly values: number[];
}

export async function order(id: number, signals: number): Promise<OrderResult> {
  const values: number[] = [];
  setHandler(add, (value) => {
    values.push(value);
  });
  let charged = await charge(id, 1);
  await sleep(100 + (id % 5) * 100);
  let ran = 'ran';
  try {
    await once(id);
  } catch (error) {
    ran = (error as Error).name;
  }
  charged += await charge(id, 2);
  await condition(() => values.length >= signals);
  return { charged, once: ran, values };
}

/** Children of a family. */
export const CHILDREN = 2;
/** Runs of each child. */
export const ROUNDS = 2;

const heard = defineSignal<[word: string]>('heard');

export interface FamilyResult {
  /** What the children returned. */
  readonly ends: number[];
  /** What they said, `<child>.<round>`, in order. */
  readonly words: string[];
}

export async function family(): Promise<FamilyResult> {
  const words: string[] = [];
  setHandler(heard, (word) => {
    words.push(word);
  });
  const { workflowId } = workflowInfo();
  const children = Array.from({ length: CHILDREN }, (_, child) =>
    executeChild(member, { workflowId: `${workflowId}-${child}`, args: [workflowId, child, 1] }),
  );
  // Each word is delivered before its child goes on, so with the ends all have been heard.
  return { ends: await Promise.all(children), words };
}

export async function member(parent: string, child: number, round: number): Promise<number> {
  await charge(child, round);
  await getExternalWorkflowHandle(parent).signal(heard, `${child}.${round}`);
  if (round < ROUNDS) return continueAsNew<typeof member>(parent, child, round + 1);
  return child;
}
