// Unhandled rejections of workflow code are logged with their run and never end the process.

import { claimRejections } from '../common/rejections.ts';
import { entries } from './realm-host.ts';

/** Starts watching; the answer stops it. */
export function watchUnhandled(): () => void {
  return claimRejections((reason) => {
    const run = entries.getStore();
    if (run === undefined) return false;
    run.onUnhandled(reason, run.replaying);
    return true;
  });
}
