// CPU time of processes, read from /proc (Linux only).
import { readdirSync, readFileSync } from 'node:fs';

/** `getconf CLK_TCK` is 100 on every Linux that Node supports. */
const MICROS_PER_TICK = 10_000;

interface Stat {
  readonly parent: number;
  readonly ownTicks: number;
  /** Of children that exited and were waited for. */
  readonly exitedTicks: number;
}

function readStat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name, in parentheses, may contain anything: count from behind it. Field 3 of proc(5) is first here.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = (from: number): number => Number(fields[from]) + Number(fields[from + 1]);
  return { parent: Number(fields[1]), ownTicks: ticks(11), exitedTicks: ticks(13) };
}

/** CPU µs of one process, all its threads, user and system. 0 when it is gone. */
export function processMicros(pid: number): number {
  return (readStat(pid)?.ownTicks ?? 0) * MICROS_PER_TICK;
}

/** CPU µs of a process and its children, those that have exited too. */
export function familyMicros(pid: number): number {
  let ticks = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readStat(Number(name));
    if (stat === undefined) continue;
    if (Number(name) === pid) ticks += stat.ownTicks + stat.exitedTicks;
    else if (stat.parent === pid) ticks += stat.ownTicks;
  }
  return ticks * MICROS_PER_TICK;
}
