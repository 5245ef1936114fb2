// `npm run bench -- <scenario> [--concurrency n] [--count n] [--json file] [--profile folder]`: measures one scenario with real processes on this machine.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { startPostgres } from '../service/src/dev/postgres.ts';
import { calibrate } from './calibration.ts';
import { familyMicros, processMicros } from './cpu.ts';
import { runProgram, startScript, startService } from './processes.ts';
import { type Report, renderTable } from './report.ts';
import { DEFAULTS, SCENARIOS, type Scenario } from './scenarios.ts';

const usage = `usage: npm run bench -- ${Object.keys(SCENARIOS).join(' | ')} [--concurrency ${DEFAULTS.concurrency}] [--count n] [--json file] [--profile folder]
  without --count: ${DEFAULTS.measureMs / 1_000} s after ${DEFAULTS.warmUpMs / 1_000} s of warm-up`;

interface Wanted {
  readonly scenario: Scenario;
  readonly concurrency: number;
  readonly count: number | undefined;
  readonly json: string | undefined;
  /** Folder for CPU profiles of service, worker and client; profiling itself costs some. */
  readonly profile: string | undefined;
}

function readArguments(): Wanted {
  const options = {
    concurrency: { type: 'string' },
    count: { type: 'string' },
    json: { type: 'string' },
    profile: { type: 'string' },
  } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [scenario = ''] = positionals;
  if (positionals.length !== 1 || !Object.hasOwn(SCENARIOS, scenario))
    throw new Error(`unknown scenario "${positionals.join(' ')}"\n${usage}`);
  const whole = (flag: 'concurrency' | 'count'): number | undefined => {
    const text = values[flag];
    if (text !== undefined && !/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${flag}: ${text} is not a whole number from 1\n${usage}`);
    return text === undefined ? undefined : Number(text);
  };
  return {
    scenario: scenario as Scenario,
    concurrency: whole('concurrency') ?? DEFAULTS.concurrency,
    count: whole('count'),
    json: values.json,
    profile: values.profile,
  };
}

function commitOf(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8', cwd: import.meta.dirname }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '-dirty');
  } catch {
    return 'unknown';
  }
}

async function measure(
  { scenario, concurrency, count, profile }: Wanted,
  databaseUrl: string,
  databasePid: number,
  undo: (() => Promise<void>)[],
): Promise<Report> {
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  say('calibrating');
  const calibration = await calibrate(databaseUrl, concurrency);
  await runProgram(['migrate'], databaseUrl);
  const nodeFlags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const service = await startService(databaseUrl, nodeFlags);
  undo.push(service.stop);
  const worker = await startScript('worker', service.address, nodeFlags);
  undo.push(worker.stop);
  const load = await startScript('load', service.address, nodeFlags);
  undo.push(load.stop);
  const look = async () => ({
    counters: await service.counters(),
    cpu: {
      service: processMicros(service.pid),
      worker: processMicros(worker.pid),
      client: processMicros(load.pid),
      database: familyMicros(databasePid),
    },
  });
  say(`warming up, ${DEFAULTS.warmUpMs / 1_000} s`);
  await load.order({ scenario, concurrency, ms: DEFAULTS.warmUpMs });
  say(`measuring, ${count === undefined ? `${DEFAULTS.measureMs / 1_000} s` : `${count} runs`}`);
  const before = await look();
  const result = await load.order({ scenario, concurrency, ms: DEFAULTS.measureMs, ...(count === undefined ? {} : { count }) });
  const after = await look();
  const counted = (name: string): number => (after.counters[name] ?? 0) - (before.counters[name] ?? 0);
  const micros = (of: keyof typeof after.cpu): number => round((after.cpu[of] - before.cpu[of]) / result.completed);
  return {
    scenario,
    concurrency,
    count: result.completed,
    workflowsPerSecond: round(result.completed / result.seconds),
    activitiesPerSecond: round((result.completed * SCENARIOS[scenario]) / result.seconds),
    latencyMs: { p50: round(result.p50), p99: round(result.p99) },
    cpuMicrosPerWorkflow: { service: micros('service'), worker: micros('worker'), client: micros('client'), database: micros('database') },
    recordsPerCommit: round(counted('records') / counted('commits')),
    rpcsPerWorkflow: round(counted('rpcs') / result.completed),
    calibration: round(calibration.workflowsPerSecond),
    node: process.versions.node,
    postgres: calibration.postgres,
    commit: commitOf(),
  };
}

/** Two digits behind the point are more than these machines can tell. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}

async function main(): Promise<void> {
  const wanted = readArguments();
  const undo: (() => Promise<void>)[] = [];
  try {
    const database = await startPostgres({ dataDir: tmpdir(), ephemeral: true });
    undo.push(database.stop);
    const report = await measure(wanted, database.url, database.pid, undo);
    process.stdout.write(`${renderTable(report)}\n`);
    if (wanted.json !== undefined) writeFileSync(wanted.json, `${JSON.stringify(report, null, 2)}\n`);
  } finally {
    for (const stop of undo.reverse()) await stop().catch((error: unknown) => console.error(error));
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
