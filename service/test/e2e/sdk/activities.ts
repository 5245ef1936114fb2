/** Activities of the end-to-end tests. */
import { ApplicationFailure, activityInfo, cancellationSignal, heartbeat, sleep } from '@perdure/sdk/activity';

export async function greet(name: string): Promise<string> {
  return `Hello, ${name}!`;
}

/** Fails until the attempt given. */
export async function flaky(succeedAt: number): Promise<number> {
  const { attempt } = activityInfo();
  if (attempt < succeedAt) throw new RangeError(`attempt ${attempt} is too early`);
  return attempt;
}

export async function refuse(reason: string): Promise<never> {
  throw ApplicationFailure.nonRetryable(reason, 'Refused', { reason });
}

/** Runs until it is told to stop. */
export async function endless(): Promise<void> {
  for (;;) {
    heartbeat('running');
    await sleep('100ms');
  }
}

/** The first attempt counts to 3 and hangs; the next says where it found the count. */
export async function resumable(): Promise<unknown> {
  const { attempt, heartbeatDetails } = activityInfo();
  if (attempt > 1) return heartbeatDetails;
  heartbeat({ count: 3 });
  return await new Promise((_, reject) => cancellationSignal().addEventListener('abort', () => reject(cancellationSignal().reason)));
}

export async function twoMebibytes(): Promise<string> {
  return 'x'.repeat(2 * 1024 * 1024);
}
