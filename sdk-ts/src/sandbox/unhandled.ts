// Unhandled rejections of workflow code are logged with their run and never end the process; all others keep their usual effect.

import { entries } from './realm-host.ts';

let watchers = 0;

function onUnhandled(reason: unknown): void {
  const run = entries.getStore();
  if (run !== undefined) {
    run.onUnhandled(reason, run.replaying);
    return;
  }
  // Our listener must not take away Node's default: an error of the host ends the process unless somebody else listens too.
  if (process.listenerCount('unhandledRejection') === 1) throw reason;
}

function onHandled(): void {}

/** Starts watching; the answer stops it. */
export function watchUnhandled(): () => void {
  watchers += 1;
  if (watchers === 1) {
    process.on('unhandledRejection', onUnhandled);
    // Without a listener Node warns about every rejection that is handled in a later activation: an ordinary thing here.
    process.on('rejectionHandled', onHandled);
  }
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    watchers -= 1;
    if (watchers > 0) return;
    process.off('unhandledRejection', onUnhandled);
    process.off('rejectionHandled', onHandled);
  };
}
