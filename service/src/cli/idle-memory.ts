/**
 * Gives memory back when the server has become idle. Without allocations the engine sees no reason to collect, so a server
 * whose runs have all left memory would keep the memory of its busiest hour.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const LOOK_MS = 5_000;
/** Less than this share of one core since the last look counts as idle. */
const IDLE_SHARE = 0.1;
/** A collection must promise to free this much to be worth its pause. */
const WORTH_BYTES = 32 * 1_048_576;

/** Looks for as long as the process lives; never keeps it alive. */
export function giveMemoryBackWhenIdle(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { type: 'major'; execution: 'async' }) => Promise<void>;
  let cpu = process.cpuUsage();
  let kept = 0;
  setInterval(() => {
    const used = process.cpuUsage(cpu);
    cpu = process.cpuUsage();
    const idle = (used.user + used.system) / 1_000 < LOOK_MS * IDLE_SHARE;
    if (!idle || process.memoryUsage().heapTotal - kept < WORTH_BYTES) return;
    void collect({ type: 'major', execution: 'async' }).then(() => {
      kept = process.memoryUsage().heapTotal;
    });
  }, LOOK_MS).unref();
}
