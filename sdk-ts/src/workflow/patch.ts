// Patches: a change of workflow code that runs started before it do not take.
//
// | call                | live                                | on replay                                  | in a query or predicate |
// |---------------------|-------------------------------------|--------------------------------------------|-------------------------|
// | patched(id)         | true, recorded once per id          | true if recorded by this task or before    | true if recorded        |
// | deprecatePatch(id)  | recorded once per id, as deprecated | nothing: either way is fine                | nothing                 |

import { checkText } from '../common/text.ts';
import { captureSite, currentRun, produce, type Run } from './run.ts';

/** Whether this run takes the new way of a change. */
function taken(run: Run, id: string): boolean {
  if (run.patches.has(id)) return true;
  if (run.block === undefined || run.readOnly !== undefined || !run.blockPatches.has(id)) return false;
  run.patches.add(id);
  return true;
}

function record(run: Run, id: string, deprecated: boolean, above: (...args: never[]) => unknown): void {
  run.patches.add(id);
  const marker = { $case: 'patch' as const, value: { patchId: id, deprecated } };
  produce(run, { $case: 'recordMarker', value: { marker, callSite: '' } }, captureSite(above));
}

/**
 * `if (patched('charge-before-shipping')) { new way } else { old way }`: true in runs that come here for the first time, false where the
 * log shows that the run went the old way here. Ids are texts of at most 1 000 bytes, each for one change.
 */
export function patched(id: string): boolean {
  const run = currentRun('patched');
  checkText('patch id', id);
  if (taken(run, id)) return true;
  if (run.block !== undefined || run.readOnly !== undefined) return false;
  record(run, id, false, patched);
  return true;
}

/**
 * In place of `patched` when no open run goes the old way any more, and the old way is deleted. Delete this call too when no open run was
 * started before it.
 */
export function deprecatePatch(id: string): void {
  const run = currentRun('deprecatePatch');
  checkText('patch id', id);
  if (taken(run, id) || run.block !== undefined || run.readOnly !== undefined) return;
  record(run, id, true, deprecatePatch);
}
