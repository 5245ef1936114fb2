// What must be true at the end, checked against the books and the history.
import type { WorkflowHandle } from '@perdure/sdk/client';
import type { Ledger } from './ledger.ts';
import { money } from './watch.ts';
import type { Outcome, Subscription } from './workflows.ts';

/** One statement and whether it holds. */
export type Check = readonly [statement: string, holds: boolean];

export interface Evidence {
  readonly order: Subscription;
  readonly outcome: Outcome;
  readonly handle: WorkflowHandle;
  readonly ledger: Ledger;
  /** Attempts seen from outside, per activity. */
  readonly attempts: ReadonlyMap<string, readonly number[]>;
  readonly pidsBefore: readonly (number | undefined)[];
  readonly pidsAfter: readonly (number | undefined)[];
}

/** All checks. The demo succeeds only if every one holds. */
export async function check({ order, outcome, handle, ledger, attempts, pidsBefore, pidsAfter }: Evidence): Promise<Check[]> {
  const rows = await ledger.rows(handle.runId);
  const { events } = await handle.fetchHistory();
  const scheduled: bigint[] = [];
  const ends = new Map<bigint, number>();
  for (const { id, attributes } of events) {
    if (attributes?.$case === 'activityScheduled') scheduled.push(id);
    if (attributes?.$case === 'activityCompleted' || attributes?.$case === 'activityFailed' || attributes?.$case === 'activityTimedOut')
      ends.set(attributes.value.scheduledEventId, attributes.value.attempt);
  }
  const charged = rows.reduce((sum, { amount }) => sum + amount, 0);
  return [
    [
      `paid ${money(outcome.paid)} + overdue ${money(outcome.overdue)} = total ${money(order.totalAmount)}`,
      outcome.paid + outcome.overdue === order.totalAmount,
    ],
    [`the books hold exactly what was paid: ${money(charged)}`, charged === outcome.paid],
    ['no idempotency key was charged twice', new Set(rows.map(({ key }) => key)).size === rows.length],
    ['no cycle was charged twice', new Set(rows.map(({ cycle }) => cycle)).size === rows.length],
    [`one payment was scheduled per cycle: ${scheduled.length}`, scheduled.length === order.cycles],
    ['every payment ended once', scheduled.every((id) => ends.has(id)) && ends.size === scheduled.length],
    [
      'attempts were counted on across the kill, never anew',
      scheduled.every((id, i) => isIncreasing([...(attempts.get(String(i + 1)) ?? []), (ends.get(id) ?? 0) + 0.5])),
    ],
    ['service and worker were really replaced by new processes', pidsAfter.every((pid, i) => pid !== undefined && pid !== pidsBefore[i])],
  ];
}

// The half lets the attempt that ended the payment be the one seen last.
function isIncreasing(numbers: readonly number[]): boolean {
  return numbers.every((number, i) => i === 0 || number > (numbers[i - 1] ?? 0));
}
