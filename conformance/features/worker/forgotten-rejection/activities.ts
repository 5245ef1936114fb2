// Forgets a promise the first time.
import { activityInfo, Context, sleep } from '@perdure/sdk/activity';

let neighbour: (() => void) | undefined;
const pid = process.pid;

export async function forgettingWork(): Promise<string> {
  if (activityInfo().attempt > 1) {
    neighbour?.();
    return 'second attempt';
  }
  void Promise.reject(new RangeError('forgotten'));
  await sleep('1h');
  return 'never';
}

export async function forgettingNeighbour(): Promise<boolean> {
  await new Promise<void>((resolve) => {
    neighbour = resolve;
  });
  return pid === process.pid && activityInfo().attempt === 1;
}

export async function forgettingLate(): Promise<string> {
  const { log } = Context.current();
  setTimeout(() => {
    log('info', 'rejects now');
    void Promise.reject(new Error('too late'));
  }, 1);
  return 'ended';
}
