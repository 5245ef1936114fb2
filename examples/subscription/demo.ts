// The demo: a subscription that survives the death of everything but its database. `npm run demo`.
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, type WorkflowHandle } from '@perdure/sdk/client';
import { lockFolder } from '../../service/dist/dev/lock.js';
import { type RunningPostgres, startPostgres } from '../../service/dist/dev/postgres.js';
import { check } from './checks.ts';
import { type Ledger, openLedger } from './ledger.ts';
import {
  freePort,
  killAll,
  killProcesses,
  lastLines,
  type Processes,
  runCommand,
  type Surroundings,
  startProcesses,
  stopProcesses,
} from './processes.ts';
import { createWatch, money, say, type Watch } from './watch.ts';
import { type Subscription, subscription } from './workflows.ts';

const DATA_DIR = join('.perdure', 'demo');
const ORDER: Subscription = { totalAmount: 100_00, cycles: 6, cycleDuration: 3_500 };
const KILL_AT_CYCLE = 3;
const LOOK_EVERY_MS = 100;
/** The whole demo takes about 40 s; a run that hangs must not hang the caller. */
const LIMIT_MS = Number(process.env.DEMO_LIMIT_MS ?? 120_000);

process.exit(await main());

async function main(): Promise<number> {
  const early = untilEndedEarly();
  const unlock = lockFolder(DATA_DIR);
  say('starting PostgreSQL (embedded, durable)');
  const starting = startPostgres({ dataDir: DATA_DIR });
  try {
    return await Promise.race([starting.then(play), early]);
  } finally {
    // Also after a signal in the middle of anything: the database, which outlives its starter, goes last.
    await killAll();
    const database = await starting.catch(() => undefined);
    await database?.stop();
    unlock();
  }
}

/** Resolves to the exit code when somebody asks for the end, when nobody reads any more, or when it takes too long. */
function untilEndedEarly(): Promise<number> {
  return new Promise((resolve) => {
    // The terminal and a launcher (npm) may both tell us: what comes later changes nothing.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(128 + constants.signals[signal]));
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => resolve(1));
    setTimeout(() => {
      console.error(`the demo did not end within ${LIMIT_MS / 1_000} s; the last lines of its processes:\n${lastLines(DATA_DIR)}`);
      resolve(1);
    }, LIMIT_MS);
  });
}

async function play(database: RunningPostgres): Promise<number> {
  const around: Surroundings = { address: `127.0.0.1:${await freePort()}`, databaseUrl: database.url, logDir: DATA_DIR };
  const ledger = await openLedger(database.url);
  try {
    return await run(around, database, ledger);
  } finally {
    await ledger.close();
  }
}

async function run(around: Surroundings, database: RunningPostgres, ledger: Ledger): Promise<number> {
  say(`PostgreSQL runs as process ${database.pid}; making the schema`);
  if ((await runCommand(['migrate'], around)) !== 0) return 1;
  let processes = startProcesses(around);
  const pidsBefore = pidsOf(processes);
  say(`service is process ${pidsBefore[0]}, worker is process ${pidsBefore[1]}`);
  const client = new Client({ address: around.address });
  try {
    const handle = await client.start(subscription, {
      workflowId: `subscription-${Date.now()}`,
      taskQueue: 'subscriptions',
      args: [ORDER],
    });
    say(`started ${handle.workflowId}: ${money(ORDER.totalAmount)} in ${ORDER.cycles} cycles, payments fail about 70 % of the time`);
    const watch = createWatch();
    await watchUntil(handle, watch, isHalfWay);
    say('kill -9: service and worker, now');
    await killProcesses(processes);
    say('both are gone; only the database is left. Starting them again');
    processes = startProcesses(around);
    const pidsAfter = pidsOf(processes);
    say(`service is process ${pidsAfter[0]}, worker is process ${pidsAfter[1]}`);
    await watchUntil(handle, watch, () => false);
    const outcome = await handle.result();
    say(`result: ${JSON.stringify(outcome)}`);
    console.log('\nThe history of the run:\n');
    await runCommand(['workflow', 'show', handle.workflowId], around);
    console.log('');
    const checks = await check({ order: ORDER, outcome, handle, ledger, attempts: watch.attempts, pidsBefore, pidsAfter });
    for (const [statement, holds] of checks) console.log(`${holds ? '✓' : '✗ NOT TRUE:'} ${statement}`);
    console.log(howToLook(handle.workflowId));
    return checks.every(([, holds]) => holds) ? 0 : 1;
  } finally {
    client.close();
    await stopProcesses(processes);
  }
}

/** Looks at the run until it has closed, or until the payment of a cycle is at an attempt that `stop` wants. */
async function watchUntil(handle: WorkflowHandle, watch: Watch, stop: (cycle: number, attempt: number) => boolean): Promise<void> {
  for (;;) {
    const description = await handle.describe();
    watch.see(description);
    if (description.status !== 'Running') return;
    const attempt = description.pendingActivities[0]?.attempt ?? 0;
    if (stop(Number(description.variables.currentCycle ?? 0), attempt)) return;
    await delay(LOOK_EVERY_MS);
  }
}

/** Between two attempts of a payment; if that one succeeds at once, while the next cycle waits for its due time. */
function isHalfWay(cycle: number, attempt: number): boolean {
  return (cycle === KILL_AT_CYCLE && attempt === 2) || cycle > KILL_AT_CYCLE;
}

function pidsOf({ service, worker }: Processes): [number | undefined, number | undefined] {
  return [service.pid, worker.pid];
}

function howToLook(workflowId: string): string {
  return `
The run is kept in ${DATA_DIR}. To look at it yourself:
  npx perdure dev --data-dir ${DATA_DIR}      (in one terminal)
  npx perdure workflow list                       (in another)
  npx perdure workflow describe ${workflowId}
  npx perdure workflow show ${workflowId}`;
}
