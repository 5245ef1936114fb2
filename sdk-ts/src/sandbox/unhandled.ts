// Unhandled rejections of workflow code are logged with their run and never end the process; all others keep their usual effect.

import { entries } from './realm-host.ts';

let watchers = 0;

function onUnhandled(reason: unknown): void {
  const run = entries.getStore();
  if (run !== undefined) return run.onUnhandled(reason);
  // Our listener must not take away Node's default: an error of the host ends the process unless somebody else listens too.
  if (process.listenerCount('unhandledRejection') === 1) throw reason;
}

/** Starts watching; the answer stops it. */
export function watchUnhandled(): () => void {
  watchers += 1;
  if (watchers === 1) process.on('unhandledRejection', onUnhandled);
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    watchers -= 1;
    if (watchers === 0) process.off('unhandledRejection', onUnhandled);
  };
}
