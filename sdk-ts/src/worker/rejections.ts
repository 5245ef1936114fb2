/** Rejections nobody listens to while a worker runs: those of activities fail their attempt, the rest is logged. */
import { runningActivity } from '../activity/context.ts';
import { claimRejections } from '../common/rejections.ts';
import type { ActivityRunner } from './activities.ts';
import type { Link } from './link.ts';

/** Starts watching; the answer stops it. */
export function watchRejections({ log }: Link, activities: ActivityRunner | undefined): () => void {
  const ofActivities = claimRejections((reason) => {
    const context = runningActivity();
    if (context === undefined || !activities?.crash(context, reason)) return false;
    context.log('error', 'a promise of activity code was rejected and nobody listened: the attempt fails', { error: textOf(reason) });
    return true;
  });
  const ofOthers = claimRejections((reason) => {
    const fields = { error: textOf(reason) };
    const context = runningActivity();
    if (context === undefined)
      log('error', 'a promise was rejected and nobody listened; it belongs to no activity, and the worker goes on', fields);
    else context.log('error', 'a promise of activity code was rejected and nobody listened; the attempt has ended already', fields);
    return true;
  }, true);
  return () => {
    ofActivities();
    ofOthers();
  };
}

function textOf(reason: unknown): string {
  try {
    return reason instanceof Error ? (reason.stack ?? String(reason)) : String(reason);
  } catch {
    return 'a value that cannot be shown';
  }
}
