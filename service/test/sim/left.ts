/** What has become of the children that were open when their parent's run closed, also when another follows it. */
import { ParentClosePolicy } from '@perdure/proto/perdure/api/v1/child';
import { chainOf, closeOf, eventsOf, type StoredRun, valueOf } from './log-of.ts';
import type { Report } from './oracles.ts';

const ENDS = ['Completed', 'Failed', 'TimedOut', 'Canceled', 'Terminated'].map((end) => `childWorkflow${end}`);

/** R-CHILD-4. Answers how many they are. */
export function judgeLeft(runs: readonly StoredRun[], run: StoredRun, report: Report): number {
  if (closeOf(run) === undefined) return 0;
  const numberOf = (value: unknown): number => (value as { number: number }).number;
  const ended = new Set(
    run.events.flatMap(({ attributes }) => (ENDS.includes(attributes?.$case ?? '') ? [numberOf(attributes?.value)] : [])),
  );
  const asked = new Set(eventsOf(run, 'childWorkflowCancelRequested').map(({ value }) => value.number));
  let left = 0;
  for (const { id, value } of eventsOf(run, 'childWorkflowScheduled')) {
    if (ended.has(value.number) || asked.has(value.number)) continue;
    const first = runs.find((each) => {
      const parent = eventsOf(each, 'workflowStarted')[0]?.value.parent;
      return parent?.runId === run.runId && Number(parent.scheduledEventId) === id;
    });
    if (first === undefined) {
      report(`child ${value.number} was not started`);
      continue;
    }
    left += 1;
    const last = chainOf(runs, first).at(-1) ?? first;
    const ends = eventsOf(last, 'workflowTerminated').map(({ value: { reason } }) => reason);
    const toldToEnd = ends.includes(`parent ${run.workflowId} has closed`);
    const askedToEnd = eventsOf(last, 'workflowCancelRequested').some(
      ({ value: { reason } }) => reason === `requested by parent ${run.workflowId}`,
    );
    // One that ends by itself meanwhile need not hear of it.
    const byItself = closeOf(last) !== undefined && closeOf(last) !== 'workflowTerminated' && !isEndless(value.input.map(valueOf));
    if (value.parentClosePolicy === ParentClosePolicy.TERMINATE && !toldToEnd && !byItself)
      report(`child ${value.number} was not terminated`);
    if (value.parentClosePolicy === ParentClosePolicy.REQUEST_CANCEL && !askedToEnd && !byItself)
      report(`child ${value.number} was not asked`);
    if (value.parentClosePolicy === ParentClosePolicy.ABANDON && (toldToEnd || askedToEnd))
      report(`child ${value.number} was not left alone`);
  }
  return left;
}

/** It cannot have ended by itself. */
function isEndless([patience]: readonly unknown[]): boolean {
  return typeof patience === 'number' && patience > 24 * 3_600_000;
}
