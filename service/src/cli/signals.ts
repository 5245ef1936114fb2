/** Being told to stop: once in order, twice at once. */
import { EXIT } from './outcome.ts';

/** A Ctrl-C reaches every process of the terminal, and launchers (npx) pass theirs on: what follows this closely is the same one. */
const ECHO_MS = 1_000;

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; a later one ends the process at once. */
export function untilAskedToStop(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let askedAt: number | undefined;
    const stop = (signal: NodeJS.Signals): void => {
      const now = performance.now();
      if (askedAt === undefined) {
        askedAt = now;
        resolve(signal);
      } else if (now - askedAt > ECHO_MS) process.exit(EXIT.failed);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  });
}
