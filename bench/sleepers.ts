// `npm run bench:sleepers -- [--count 100000]`: what sleeping workflows cost: service memory, an idle database, and the time until a restarted service answers.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client } from '@perdure/sdk/client';
import pg from 'pg';
import { startPostgres } from '../service/src/dev/postgres.ts';
import { runProgram, startScript, startService } from './processes.ts';
import { TASK_QUEUE } from './scenarios.ts';

const { values } = parseArgs({ options: { count: { type: 'string' }, idle: { type: 'string' }, settle: { type: 'string' } } });
const COUNT = Number(values.count ?? 100_000);
/** Seconds over which the database is watched. */
const IDLE_S = Number(values.idle ?? 120);
/** Seconds from the last start to the second look at memory. */
const SETTLE_S = Number(values.settle ?? 60);
const WARM_UP = 1_000;
const IN_FLIGHT = 400;

function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
}

async function startMany(client: Client, from: number, count: number): Promise<void> {
  let next = from;
  const line = async (): Promise<void> => {
    while (next < from + count) {
      const id = next++;
      await client.start('sleeper', { workflowId: `sleeper-${id}`, taskQueue: TASK_QUEUE, args: ['1h'] });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, line));
}

/** Transactions per second of the service's database, seen from another one. */
async function transactionRate(url: string, seconds: number): Promise<number> {
  const other = new URL(url);
  const database = other.pathname.slice(1);
  other.pathname = '/postgres';
  const watcher = new pg.Client(other.href);
  await watcher.connect();
  const look = async (): Promise<number> => {
    const { rows } = await watcher.query('SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = $1', [database]);
    return Number(rows[0]?.n);
  };
  // Statistics of idle sessions arrive late: look twice with the same lateness.
  const before = await look();
  await delay(seconds * 1_000);
  const after = await look();
  await watcher.end();
  return (after - before) / seconds;
}

/** Every run has reached its timer. */
async function untilAsleep(url: string, count: number): Promise<void> {
  const watcher = new pg.Client(url);
  await watcher.connect();
  for (;;) {
    const { rows } = await watcher.query('SELECT count(*) AS n FROM executions WHERE wake_at > 0');
    if (Number(rows[0]?.n) >= count) break;
    await delay(500);
  }
  await watcher.end();
}

/** Resolves when somebody takes connections there. */
async function untilListening(address: string): Promise<void> {
  const [host = '', port = ''] = address.split(':');
  for (;;) {
    const socket = connect(Number(port), host);
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await delay(10);
  }
}

/** Ms from exec to the first right answers of a new process. */
async function restart(url: string, address: string): Promise<{ describe: number; signal: number }> {
  const began = performance.now();
  const child = spawn(process.execPath, ['service/dist/main.js', 'server', '--address', address], {
    cwd: new URL('..', import.meta.url),
    stdio: 'ignore',
    env: { ...process.env, PERDURE_DB_URL: url },
  });
  // A client that finds nobody listening waits before it tries again; that is not the service's time.
  await untilListening(address);
  const client = new Client({ address });
  for (let n = 0; n < 20; n += 1) {
    const id = `sleeper-${Math.floor(Math.random() * COUNT)}`;
    for (;;) {
      try {
        const { status } = await client.getHandle(id).describe();
        if (status !== 'Running') throw new Error(`${id} is ${status}`);
        break;
      } catch (error) {
        if ((error as { code?: number }).code !== 14) throw error;
        await delay(10);
      }
    }
  }
  const describe = performance.now() - began;
  await client.getHandle('sleeper-0').signal('wake');
  const signal = performance.now() - began;
  client.close();
  child.kill('SIGTERM');
  await once(child, 'exit');
  return { describe, signal };
}

const database = await startPostgres({ dataDir: tmpdir(), ephemeral: true });
await runProgram(['migrate'], database.url);
const service = await startService(database.url, []);
const worker = await startScript('worker', service.address, []);
const client = new Client({ address: service.address });
await startMany(client, 0, WARM_UP);
await untilAsleep(database.url, WARM_UP);
await delay(SETTLE_S * 200);
const before = rssMiB(service.pid);
const began = performance.now();
await startMany(client, WARM_UP, COUNT);
const seconds = (performance.now() - began) / 1_000;
const lastStart = performance.now();
await untilAsleep(database.url, WARM_UP + COUNT);
await delay(Math.max(0, SETTLE_S * 1_000 - (performance.now() - lastStart)));
const after = rssMiB(service.pid);
client.close();
await worker.stop();
const rate = await transactionRate(database.url, IDLE_S);
await service.stop();
const again = await restart(database.url, service.address);
await database.stop();
const rows = [
  ['sleeping workflows', `${COUNT} started in ${seconds.toFixed(1)} s`],
  [
    'service RSS',
    `${before.toFixed(0)} MiB after ${WARM_UP}, ${after.toFixed(0)} MiB ${SETTLE_S} s after the last start: ${(after - before).toFixed(0)} MiB more`,
  ],
  ['idle database', `${rate.toFixed(2)} transactions/s over ${IDLE_S} s`],
  ['restart', `20 runs described ${again.describe.toFixed(0)} ms after exec, a signal recorded after ${again.signal.toFixed(0)} ms`],
];
for (const [name, text] of rows) process.stdout.write(`${name?.padEnd(20)} ${text}\n`);
