/**
 * Deletion of namespaces: every node removes the runs of its slots, a page at a time. Nothing is kept but the namespace's row:
 * after a crash a node begins again with what is left. The row goes last, when two passes in a row have found no run of anybody.
 *
 *   asked for ──► no calls, no starts ──► 30 s later: open runs are terminated, closed ones purged ──► no run twice ──► gone
 */
import { wakeAt } from '../core/outstanding.ts';
import { isOpen } from '../core/state.ts';
import { PerdureError } from '../errors.ts';
import type { VisibilityEntry } from '../store/store.ts';
import type { Deletion, History } from './context.ts';
import { loadRun } from './loading.ts';
import { dropRun, keyOf, retentionOf } from './memory.ts';
import { purgeRun } from './purge.ts';
import { terminateWorkflow } from './requests.ts';
import { type HotRun, isSettled } from './run.ts';

/** How often a page is looked at while anything is being deleted. */
export const SWEEP_MS = 1_000;
/** Every frontend and every history node has heard of the deletion by then, so no run is started behind a pass. */
const SWEEP_AFTER_MS = 30_000;
/** Runs of one page. */
const PAGE = 256;
const PASSES = 2;

/** Retention may have been changed, and namespaces given up. */
export async function readNamespaces(h: History): Promise<void> {
  const gone = new Set(h.deleting.keys());
  for (const { namespaceId, name, retentionMs, config } of await h.store.listNamespaces()) {
    h.retention.set(namespaceId, retentionMs);
    if (config.deletingSince === null) continue;
    gone.delete(namespaceId);
    if (!h.deleting.has(namespaceId)) {
      h.deleting.set(namespaceId, { name, since: config.deletingSince, after: undefined, emptyPasses: 0 });
    }
  }
  for (const namespaceId of gone) h.deleting.delete(namespaceId);
}

/** Throws NAMESPACE_DELETING: the frontend that sent the start may not have heard of it yet. */
export function refuseIfDeleting(h: History, namespaceId: string): void {
  const deletion = h.deleting.size === 0 ? undefined : h.deleting.get(namespaceId);
  if (deletion === undefined) return;
  throw new PerdureError('NAMESPACE_DELETING', `namespace ${JSON.stringify(deletion.name)} is being deleted`, { namespace: deletion.name });
}

/** Takes the next page of each namespace that is being deleted. */
export async function sweepNamespaces(h: History): Promise<void> {
  for (const [namespaceId, deletion] of h.deleting) {
    if (h.env.now() < deletion.since + SWEEP_AFTER_MS) continue;
    // What was found before is to be gone first: pages would only find it again.
    if (h.purging.items.length === 0) await sweepPage(h, namespaceId, deletion);
  }
}

async function sweepPage(h: History, namespaceId: string, deletion: Deletion): Promise<void> {
  const { after } = deletion;
  const entries = await h.store.listVisibility({ namespaceId, filter: undefined, limit: PAGE, after, order: 'oldestFirst' });
  const last = entries.at(-1);
  const whole = entries.length < PAGE || last === undefined;
  deletion.after = whole ? undefined : { startedAt: last.startedAt, runId: last.runId };
  if (entries.length > 0) {
    deletion.emptyPasses = 0;
    for (const entry of entries) await removeEntry(h, namespaceId, deletion, entry);
    return;
  }
  // The end of a pass that found something says nothing.
  if (after !== undefined) return;
  deletion.emptyPasses += 1;
  if (deletion.emptyPasses < PASSES) return;
  await h.store.removeNamespace(deletion.name, namespaceId);
  h.deleting.delete(namespaceId);
  h.retention.delete(namespaceId);
  h.log('info', 'namespace deleted', { namespace: deletion.name, namespaceId });
}

/** One run that cannot be removed now is met again by the next pass, and does not keep the others. */
async function removeEntry(h: History, namespaceId: string, deletion: Deletion, entry: VisibilityEntry): Promise<void> {
  const key = keyOf(namespaceId, entry.workflowId, entry.runId);
  if (h.node.claims[key.slot] === 0) return;
  try {
    const run = await loadRun(h, key);
    if (run === undefined) return;
    if (isOpen(run.state)) {
      const reason = `namespace ${JSON.stringify(deletion.name)} is being deleted`;
      await terminateWorkflow(
        h,
        { namespaceId, workflowId: entry.workflowId, runId: entry.runId },
        { reason, details: [], identity: 'perdure', requestId: '' },
      );
    } else if (isIdle(h, run)) {
      dropRun(h, run);
      purgeRun(h, key);
    }
  } catch (error) {
    h.log('warn', 'a run of a namespace that is being deleted could not be removed now', { runId: entry.runId, error: String(error) });
  }
}

/** Nothing of a closed run is on its way any more, to the database or to other runs. */
function isIdle(h: History, run: HotRun): boolean {
  return isSettled(run) && wakeAt(run.state, h.env.now(), retentionOf(h, run.key)) !== 0;
}
