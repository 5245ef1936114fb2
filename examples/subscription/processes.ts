// The demo's processes: the service and the worker, each a real one, so that they can really be killed.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SERVICE = fileURLToPath(new URL('../../service/dist/main.js', import.meta.url));
const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));

const children = new Set<ChildProcess>();
// However the demo ends, it leaves no process behind.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Ends all processes, whatever they do; resolves when they are gone. */
export async function killAll(): Promise<void> {
  await Promise.all([...children].map((child) => end(child, 'SIGKILL')));
}

/** Starts a process that the demo does not outlive. */
function startChild(args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(process.execPath, args, options);
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

export interface Surroundings {
  /** `host:port` of the service, kept over restarts. */
  readonly address: string;
  readonly databaseUrl: string;
  /** Where the processes' logs go. */
  readonly logDir: string;
}

export type Processes = Readonly<Record<'service' | 'worker', ChildProcess>>;

/** Starts service and worker; both wait for each other. */
export function startProcesses({ address, databaseUrl, logDir }: Surroundings): Processes {
  mkdirSync(logDir, { recursive: true });
  const env = { ...process.env, PERDURE_ADDRESS: address, PERDURE_DB_URL: databaseUrl, DEMO_DB_URL: databaseUrl };
  const start = (name: string, args: string[]): ChildProcess => {
    const log = openSync(join(logDir, `${name}.log`), 'a', 0o600);
    return startChild(args, { env, stdio: ['ignore', log, log] });
  };
  return { service: start('service', [SERVICE, 'server', '--address', address]), worker: start('worker', [WORKER]) };
}

/** The end of both logs, for a person who wants to know what went wrong. */
export function lastLines(logDir: string): string {
  const files = ['service', 'worker'].map((name) => join(logDir, `${name}.log`)).filter((file) => existsSync(file));
  return files.map((file) => `${file}:\n${readFileSync(file, 'utf8').trim().split('\n').slice(-20).join('\n')}`).join('\n');
}

/** Ends both as a power failure would; resolves when they are gone. */
export async function killProcesses(processes: Processes): Promise<void> {
  await Promise.all(Object.values(processes).map((child) => end(child, 'SIGKILL')));
}

/** Ends the worker, then the service, in order. */
export async function stopProcesses(processes: Processes): Promise<void> {
  await end(processes.worker, 'SIGTERM');
  await end(processes.service, 'SIGTERM');
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), 12_000);
  await exited;
  clearTimeout(force);
}

/** Runs a user command of the service and shows what it prints. */
export async function runCommand(args: readonly string[], { address, databaseUrl }: Surroundings): Promise<number> {
  const env = { ...process.env, PERDURE_ADDRESS: address, PERDURE_DB_URL: databaseUrl };
  const child = startChild([SERVICE, ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

/** A port on this machine that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
