// The processes of a measurement: service, worker and load, each its own, as users run them.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LoadOrder, LoadResult } from './scenarios.ts';

const main = fileURLToPath(new URL('../service/dist/main.js', import.meta.url));
const START_MS = 30_000;

/** Counters of the service since it started (service/src/telemetry/counters.ts). */
export type Counters = Readonly<Record<string, number>>;

export interface ServiceProcess {
  readonly pid: number;
  readonly address: string;
  counters(): Promise<Counters>;
  stop(): Promise<void>;
}

/** Calls back with each line of JSON; other lines are for people and are shown. */
function onJsonLines(child: ChildProcess, call: (line: Record<string, unknown>) => void): void {
  if (child.stdout === null) return;
  createInterface({ input: child.stdout }).on('line', (text) => {
    try {
      call(JSON.parse(text) as Record<string, unknown>);
    } catch {
      process.stderr.write(`${text}\n`);
    }
  });
}

/** Rejects when the process ends, or says nothing, before `wanted` resolves. */
async function untilReady<T>(child: ChildProcess, name: string, wanted: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const late = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new Error(`${name} was not ready after ${START_MS / 1_000} s`)), START_MS);
    stop.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  const ended = once(child, 'exit', { signal: stop.signal }).then(([code, signal]) => {
    throw new Error(`${name} ended early (${code ?? signal})`);
  });
  try {
    return await Promise.race([wanted, ended, late]);
  } finally {
    ended.catch(() => {});
    stop.abort();
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const kill = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await exited;
  clearTimeout(kill);
}

/** The load process ends by itself when it loses its parent. */
async function hangUp(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.disconnect();
  await exited;
}

/** Runs a command of the built program to its end. */
export async function runProgram(args: readonly string[], url: string): Promise<void> {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PERDURE_DB_URL: url },
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`perdure ${args.join(' ')} ended with ${code}`);
}

/** Starts `perdure server` on a free port. `nodeFlags` go to Node itself, for profiles. */
export async function startService(url: string, nodeFlags: readonly string[]): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [...nodeFlags, main, 'server', '--address', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PERDURE_DB_URL: url, PERDURE_LOG_FORMAT: 'json', PERDURE_LOG_LEVEL: 'info' },
  });
  const waiting: ((counters: Counters) => void)[] = [];
  const address = new Promise<string>((resolve) => {
    onJsonLines(child, (line) => {
      if (typeof line.address === 'string') resolve(line.address);
      if (line.counters !== undefined) waiting.shift()?.(line.counters as Counters);
      else if (line.level === 'warn' || line.level === 'error' || Number(line.level) >= 40)
        process.stderr.write(`service: ${JSON.stringify(line)}\n`);
    });
  });
  return {
    address: await untilReady(child, 'the service', address),
    pid: child.pid ?? 0,
    counters: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        child.kill('SIGUSR2');
      }),
    stop: () => end(child, 'SIGTERM'),
  };
}

export interface ScriptProcess {
  readonly pid: number;
  /** Only the load process takes orders. */
  order(order: LoadOrder): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Starts a script of this folder with the service's address; it says 'ready' by IPC. */
export async function startScript(name: 'worker' | 'load', address: string, nodeFlags: readonly string[]): Promise<ScriptProcess> {
  const child = fork(fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), [address], { execArgv: [...nodeFlags] });
  await untilReady(child, `the ${name} process`, once(child, 'message'));
  return {
    pid: child.pid ?? 0,
    order: async (order) => {
      const answer = once(child, 'message') as Promise<[LoadResult]>;
      const failed = once(child, 'exit').then(() => {
        throw new Error(`the ${name} process ended`);
      });
      failed.catch(() => {});
      child.send(order);
      return (await Promise.race([answer, failed]))[0];
    },
    stop: () => (name === 'worker' ? end(child, 'SIGTERM') : hangUp(child)),
  };
}
