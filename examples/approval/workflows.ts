// An expense needs a person's yes. Nobody needs to stay awake for the answer: the run waits in the database.
import { ApplicationFailure, condition, defineQuery, defineSignal, proxyActivities, setHandler, setVar } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

export interface Expense {
  readonly employee: string;
  readonly cents: number;
  /** How long the manager has; then the next one is asked. */
  readonly patience: string;
  readonly managers: readonly string[];
}

export interface Decision {
  readonly by: string;
  readonly approved: boolean;
}

export const decide = defineSignal<[Decision]>('decide');
export const asked = defineQuery<readonly string[]>('asked');

const { askManager, payOut } = proxyActivities<typeof activities>({ startToCloseTimeout: '10 seconds' });

/** Asks one manager after the other; returns the number of the payment. */
export async function expense({ employee, cents, patience, managers }: Expense): Promise<string> {
  const sent: string[] = [];
  let decision: Decision | undefined;
  setHandler(asked, () => sent);
  setHandler(decide, (made) => {
    // The first answer counts, whoever else clicks later.
    decision ??= made;
  });

  for (const manager of managers) {
    sent.push(manager);
    setVar('waitingFor', manager);
    await askManager(manager, employee, cents);
    if (await condition(() => decision !== undefined, patience)) break;
  }

  if (decision === undefined) throw ApplicationFailure.nonRetryable('nobody answered in time', 'NoAnswer');
  if (!decision.approved) throw ApplicationFailure.nonRetryable(`${decision.by} said no`, 'Rejected');
  return await payOut(employee, cents);
}
