/** Keeps two programs from sharing one data folder: the second would adopt, and at its end stop, the first one's database. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '../cli/outcome.ts';

/** Returns the function that gives the folder back. Throws CommandError when a living process holds it. */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const file = join(folder, 'holder');
  const holder = readHolder(file);
  if (holder !== undefined && holder.pid !== process.pid && isAlive(holder))
    throw new CommandError(
      `process ${holder.pid} uses ${folder}, perhaps another \`perdure dev\`; stop it, or add --data-dir <other> or --ephemeral`,
    );
  writeFileSync(file, `${process.pid} ${startOf(process.pid)}\n`);
  return () => {
    if (readHolder(file)?.pid === process.pid) rmSync(file, { force: true });
  };
}

interface Holder {
  readonly pid: number;
  /** Tells it from a later process with the same number; empty where the system does not say. */
  readonly start: string;
}

function readHolder(file: string): Holder | undefined {
  try {
    const [pid = '', start = ''] = readFileSync(file, 'utf8').trim().split(' ');
    return /^[1-9]\d*$/.test(pid) ? { pid: Number(pid), start } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, start }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startOf(pid) === start;
}

/** Linux: ticks from boot to the process's start, field 22 of its stat; the name before may hold spaces. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
