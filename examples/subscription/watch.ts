// Shows a run from outside while it goes: nothing here is told by the workflow's code but what describe gives to everybody.
import type { WorkflowDescription } from '@perdure/sdk/client';
import { MAX_ATTEMPTS } from './workflows.ts';

/** Whole cents as "12.34". */
export function money(cents: unknown): string {
  return (Number(cents) / 100).toFixed(2);
}

/** Prints one line with the time since the demo began. */
export function say(text: string): void {
  console.log(`${(performance.now() / 1_000).toFixed(1).padStart(5)} s  ${text}`);
}

export interface Watch {
  /** Attempts seen, per activity, in the order seen. */
  readonly attempts: ReadonlyMap<string, readonly number[]>;
  /** Takes the next description; prints what is new in it. */
  see(description: WorkflowDescription): void;
}

/** Begins to watch. */
export function createWatch(): Watch {
  const attempts = new Map<string, number[]>();
  const told = new Set<string>();
  const once = (key: string, text: string): void => {
    if (told.has(key)) return;
    told.add(key);
    say(text);
  };
  return {
    attempts,
    see({ variables, pendingActivities, pendingTimers }) {
      const { currentCycle = 0, amountToPay, paid = 0, overdue = 0 } = variables;
      for (const [name, value] of Object.entries(variables).sort()) {
        const cycle = /^cycle_(\d+)_err$/.exec(name)?.[1];
        if (cycle !== undefined)
          once(name, `cycle ${cycle}: not collected after ${MAX_ATTEMPTS} attempts (${String(value)}), carried over`);
      }
      if (paid !== 0 || overdue !== 0) once(`sum ${String(paid)} ${String(overdue)}`, `paid ${money(paid)}, overdue ${money(overdue)}`);
      if (currentCycle !== 0) once(`cycle ${String(currentCycle)}`, `cycle ${String(currentCycle)}: ${money(amountToPay)} to pay`);
      const due = pendingTimers[0]?.dueTime;
      if (due !== undefined)
        once(`timer ${String(currentCycle)}`, `cycle ${String(currentCycle)}: waiting until ${due.toISOString().slice(11, 19)}`);
      for (const { activityId, attempt, failures } of pendingActivities) {
        const seen = attempts.get(activityId) ?? [];
        if (seen.at(-1) !== attempt) attempts.set(activityId, [...seen, attempt]);
        for (const failed of failures)
          once(
            `${activityId} ${failed.attempt}`,
            `cycle ${String(currentCycle)}: attempt ${failed.attempt} failed: ${failed.failure?.message ?? ''}`,
          );
      }
    },
  };
}
