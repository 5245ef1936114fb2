// Many activities at once, their results in one place, and no error lost.
import { ActivityFailure, proxyActivities, setVar } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { countWords } = proxyActivities<typeof activities>({ startToCloseTimeout: '30 seconds', retry: { maximumAttempts: 3 } });

export interface Count {
  readonly words: number;
  /** Pages that could not be read, with the reason. */
  readonly unread: Readonly<Record<string, string>>;
}

/** Reads all pages side by side. A page that cannot be read does not stop the others. */
export async function countAll(pages: readonly string[]): Promise<Count> {
  let done = 0;
  const counts = await Promise.allSettled(
    pages.map(async (page) => {
      const words = await countWords(page);
      done += 1;
      setVar('done', done);
      return words;
    }),
  );
  let words = 0;
  const unread: Record<string, string> = {};
  for (const [at, count] of counts.entries()) {
    if (count.status === 'fulfilled') words += count.value;
    else unread[pages[at] ?? ''] = reasonOf(count.reason);
  }
  return { words, unread };
}

/** An ActivityFailure says which activity failed; its cause says why. */
function reasonOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
