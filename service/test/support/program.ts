/** Runs the built program as users do: as a process of the Node that runs the tests. Nothing outlives the tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

export const MAIN: string = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  readonly child: ChildProcess;
  /** Everything printed so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves when the output matches; rejects when the program ends first. */
  until(pattern: RegExp): Promise<void>;
  /** Resolves when the program has ended. */
  readonly finished: Promise<Finished>;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Finished>;
}

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
}

/** Starts `node <args>`. */
export function startNode(args: readonly string[], { env = {}, cwd, input }: StartOptions = {}): Program {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PERDURE_'));
  const child = spawn(process.execPath, args, { cwd, env: { ...Object.fromEntries(inherited), ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  children.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  const finished = once(child, 'close').then(([code]): Finished => {
    children.delete(child);
    return { code: code as number | null, stdout, stderr };
  });
  const until = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (pattern.test(stdout) || pattern.test(stderr)) resolve();
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      look();
      void finished.then(({ code }) => reject(new Error(`ended with ${code} before ${pattern}:\n${stdout}${stderr}`)));
    });
  const end = (signal: NodeJS.Signals): Promise<Finished> => {
    child.kill(signal);
    return finished;
  };
  return { child, stdout: () => stdout, stderr: () => stderr, until, finished, end };
}

/** Starts `perdure <args>`. */
export function startProgram(args: readonly string[], options?: StartOptions): Program {
  return startNode([MAIN, ...args], options);
}

/** Runs `perdure <args>` to its end. */
export function runProgram(args: readonly string[], options?: StartOptions): Promise<Finished> {
  return startProgram(args, options).finished;
}

/** A port on this machine that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
