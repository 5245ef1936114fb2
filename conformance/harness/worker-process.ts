// An SDK's conformance worker: a process that takes orders as JSON lines and reports as JSON lines (contract/worker.schema.json).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { checkSchema, root } from './features.ts';
import { isObject, type Json, type JsonObject } from './values.ts';
import { Refusal } from './wire.ts';

export type Part = 'workflow' | 'activity' | 'client' | 'replay';

export interface Sdk {
  readonly name: string;
  readonly command: readonly string[];
  /** Run once before its workers are started. */
  readonly prepare?: readonly string[];
  readonly parts: readonly Part[];
  readonly features?: readonly string[];
}

const READY_MS = 60_000;
const END_MS = 20_000;
const repository = join(root, '..');

const children = new Set<ChildProcess>();
// However the harness ends, it leaves no worker behind.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** `ts` for conformance/sdks/ts.json, or a path to another descriptor. */
export function readSdk(name: string): Sdk {
  const path = name.endsWith('.json') ? name : join(root, 'sdks', `${name}.json`);
  const sdk = JSON.parse(readFileSync(path, 'utf8')) as Sdk;
  checkSchema('sdk', sdk, path);
  return sdk;
}

/** Rejects with what it printed when it fails. */
export async function prepareSdk({ name, prepare = [] }: Sdk): Promise<void> {
  const [program, ...args] = prepare;
  if (program === undefined) return;
  const child = spawn(program === 'node' ? process.execPath : program, args, { cwd: repository, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  const [code, signal]: unknown[] = await once(child, 'close');
  children.delete(child);
  if (code !== 0) throw new Error(`${name} could not be prepared: ${prepare.join(' ')} ended with ${String(code ?? signal)}\n${printed}`);
}

export interface StartOrder {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly features: readonly string[];
  readonly options: JsonObject;
}

export interface SdkWorker {
  /** Lines of its log so far. */
  readonly logs: readonly JsonObject[];
  /** Calls a client function; rejects with Refusal holding the error. */
  call(feature: string, name: string, args: readonly Json[], scope: JsonObject): Promise<Json>;
  /** Replays an encoded history; rejects with Refusal. */
  replay(feature: string, history: Uint8Array): Promise<Json>;
  /** SIGTERM: it hands over and ends. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** It is there and does nothing, as when its machine is suspended. */
  freeze(): void;
  thaw(): void;
}

/** Resolves when the worker is ready; rejects with what it printed when it ends first. */
export async function startWorker(sdk: Sdk, order: StartOrder): Promise<SdkWorker> {
  const [program = '', ...args] = sdk.command;
  const child = spawn(program === 'node' ? process.execPath : program, args, { cwd: repository, stdio: ['pipe', 'pipe', 'pipe'] });
  children.add(child);
  const logs: JsonObject[] = [];
  const waiting = new Map<number, { resolve(value: Json): void; reject(error: Error): void }>();
  let printed = '';
  let isReady = (): void => {};
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  const take = (line: string): void => {
    const report = parseReport(line);
    if (report === undefined) {
      printed += `${line}\n`;
      return;
    }
    if (report.kind === 'ready') isReady();
    else if (report.kind === 'log') logs.push(report);
    else {
      const asked = waiting.get(Number(report.id));
      waiting.delete(Number(report.id));
      if (report.kind === 'done') asked?.resolve(report.value ?? null);
      else asked?.reject(new Refusal(report.error as JsonObject));
    }
  };
  createInterface({ input: child.stdout }).on('line', take);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed = (printed + text).slice(-20_000);
  });
  child.stdin.on('error', () => {});
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => {
    children.delete(child);
    for (const { reject } of waiting.values()) reject(new Error(`the worker of ${sdk.name} ended (${String(code ?? signal)})\n${printed}`));
    waiting.clear();
    return code ?? signal;
  });
  const say = (line: JsonObject): boolean => child.stdin.write(`${JSON.stringify(line)}\n`);
  say({ kind: 'start', ...order });
  await untilReady(child, ready, ended, () => `${sdk.name} (${sdk.command.join(' ')}): ${printed}`);
  let ids = 0;
  const ask = (line: JsonObject): Promise<Json> =>
    new Promise((resolve, reject) => {
      ids += 1;
      waiting.set(ids, { resolve, reject });
      say({ ...line, id: ids });
    });
  return {
    logs,
    call: (feature, name, callArgs, scope) => ask({ kind: 'call', feature, function: name, args: callArgs, scope }),
    replay: (feature, history) => ask({ kind: 'replay', feature, history: Buffer.from(history).toString('base64') }),
    stop: () => end(child, ended, 'SIGTERM'),
    kill: () => end(child, ended, 'SIGKILL'),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  };
}

function parseReport(line: string): (JsonObject & { kind: string }) | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const report: unknown = JSON.parse(line);
    return isObject(report) && typeof report.kind === 'string' ? (report as JsonObject & { kind: string }) : undefined;
  } catch {
    return undefined;
  }
}

async function untilReady(child: ChildProcess, ready: Promise<void>, ended: Promise<unknown>, what: () => string): Promise<void> {
  let late: NodeJS.Timeout | undefined;
  const timer = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error(`the worker was not ready after ${READY_MS / 1_000} s: ${what()}`)), READY_MS);
  });
  const early = ended.then((code) => Promise.reject(new Error(`the worker ended before it was ready (${String(code)}): ${what()}`)));
  early.catch(() => {});
  try {
    await Promise.race([ready, timer, early]);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(late);
  }
}

async function end(child: ChildProcess, ended: Promise<unknown>, signal: NodeJS.Signals): Promise<void> {
  child.kill('SIGCONT');
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), END_MS);
  await ended;
  clearTimeout(force);
}
