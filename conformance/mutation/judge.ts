// Puts one change before its tests. A change that makes them hang counts as noticed; the process they hang in is replaced.
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scratch } from './scratch.ts';
import { needsNewProcess } from './targets.ts';
import type { Answer, Order } from './warm.ts';

export interface Verdict {
  readonly verdict: 'noticed' | 'timed out' | 'survived';
  /** A test that failed. */
  readonly by: string;
}

export interface Judge {
  /** Runs the stages one after the other until one notices. `changed` is the whole text of the file. */
  judge(file: string, changed: string, stages: readonly (readonly string[])[]): Promise<Verdict>;
  close(): void;
}

/** `timeoutMs` is for one stage. */
export function createJudge(scratch: Scratch, timeoutMs: number): Judge {
  const warm = new Map<string, ChildProcess>();

  const kill = (): void => {
    for (const { pid, exitCode } of warm.values()) if (pid !== undefined && exitCode === null) process.kill(-pid, 'SIGKILL');
    warm.clear();
  };

  const answered = (process: ChildProcess): Promise<Answer | undefined> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(() => resolve(undefined)), timeoutMs);
      const message = (answer: Answer): void => end(() => resolve(answer));
      const exit = (code: number | null): void => end(() => reject(new Error(`the process of the tests ended with ${code}`)));
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        process.off('message', message);
        process.off('exit', exit);
        settle();
      };
      process.on('message', message);
      process.on('exit', exit);
    });

  const start = async (processes: string): Promise<ChildProcess> => {
    // A group of its own: the tests run in a child of it, and a busy child must be killed with it.
    const process = fork(join(import.meta.dirname, 'warm.ts'), [scratch.folder, processes], { cwd: scratch.folder, detached: true });
    warm.set(processes, process);
    if ((await answered(process)) === undefined) throw new Error('vitest did not start in time');
    return process;
  };

  const stage = async (order: Order): Promise<Verdict> => {
    const processes = order.tests.some(needsNewProcess) ? 'new' : 'kept';
    const process = warm.get(processes) ?? (await start(processes));
    process.send(order);
    const answer = await answered(process);
    if (answer === undefined) {
      kill();
      writeFileSync(join(scratch.folder, order.file), order.original);
      return { verdict: 'timed out', by: '' };
    }
    const by = answer.kind === 'done' ? answer.by : [];
    return by.length > 0 ? { verdict: 'noticed', by: by[0] ?? '' } : { verdict: 'survived', by: '' };
  };

  return {
    async judge(file, changed, stages) {
      const original = readFileSync(join(scratch.folder, file), 'utf8');
      for (const tests of stages) {
        const verdict = await stage({ file, changed, original, tests });
        if (verdict.verdict !== 'survived') return verdict;
      }
      return { verdict: 'survived', by: '' };
    },
    close: kill,
  };
}
