/** Activities of the hard cases. */
import { appendFileSync } from 'node:fs';
import { activityInfo, cancellationSignal, heartbeat, sleep } from '@perdure/sdk/activity';

export async function echo(value: number): Promise<number> {
  return value;
}

/** Beats once and hangs in its first attempts; then answers what the last beat said. */
export async function silentUntil(attempt: number): Promise<unknown> {
  const info = activityInfo();
  if (info.attempt >= attempt) return info.heartbeatDetails;
  heartbeat({ attempt: info.attempt });
  // Long enough for details to leave with a sign of life.
  await sleep('1s');
  // Blocks the process as code that computes does: no heartbeat can leave it.
  const end = performance.now() + 2_000;
  while (performance.now() < end) Math.random();
  return await new Promise(() => {});
}

/** Runs until its signal says stop, and tells why in a file. */
export async function stoppable(file: string): Promise<string> {
  appendFileSync(file, 'started\n');
  await new Promise<void>((resolve) => cancellationSignal().addEventListener('abort', () => resolve()));
  appendFileSync(file, `stopped: ${String(cancellationSignal().reason)}\n`);
  throw cancellationSignal().reason;
}

/** Throws what is no Error. */
export async function throwing(what: string): Promise<never> {
  const things: Record<string, unknown> = { text: 'just text', object: { code: 7 }, nothing: undefined, null: null, number: 5 };
  throw things[what];
}

export async function huge(bytes: number): Promise<string> {
  return 'x'.repeat(bytes);
}

export async function unserializable(): Promise<unknown> {
  return 10n;
}

export async function slow(ms: number): Promise<string> {
  await sleep(ms);
  return `slept ${ms} ms`;
}

/** Reports more than a heartbeat may hold, and goes on. */
export async function boastful(): Promise<string> {
  heartbeat('x'.repeat(5_000_000));
  await sleep('1500ms');
  return 'done';
}

/** Lives by its signs of life. */
export async function modest(): Promise<string> {
  for (let step = 0; step < 25; step += 1) {
    heartbeat(step);
    await sleep('100ms');
  }
  return `attempt ${activityInfo().attempt}`;
}

export async function unstorable(): Promise<never> {
  throw new Error('binary \0 text');
}
