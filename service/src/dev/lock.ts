/** Keeps two `perdure dev` from sharing one data folder: the second would adopt, and at its end stop, the first one's database. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '../cli/outcome.ts';

/** Returns the function that gives the folder back. Throws CommandError when a living process holds it. */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const file = join(folder, 'dev.pid');
  const holder = readHolder(file);
  if (holder !== undefined && holder !== process.pid && isPerdure(holder))
    throw new CommandError(`another \`perdure dev\` (pid ${holder}) uses ${folder}; stop it, or add --data-dir <other> or --ephemeral`);
  writeFileSync(file, String(process.pid));
  return () => {
    if (readHolder(file) === process.pid) rmSync(file, { force: true });
  };
}

function readHolder(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** A number left by a killed process may belong to another program by now. */
function isPerdure(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('dev');
  } catch {
    // No /proc: that it lives must do.
    return process.platform !== 'linux';
  }
}
