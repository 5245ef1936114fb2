/** PostgreSQL, the service and a worker as processes that can be killed and started again on the same data and address. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunningPostgres, startPostgres } from '../../../src/dev/postgres.ts';
import { migrate } from '../../../src/store/migrations/migrate.ts';
import { freePort, type Program, startNode, startProgram } from '../../support/program.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));

export type Victim = 'service' | 'worker' | 'database';

export interface Cluster {
  readonly address: string;
  readonly databaseUrl: string;
  /** One line per execution of an activity. */
  readonly executions: string;
  /** SIGKILL, then a new process in its place. Returns ms from the kill until the new process was started. */
  kill(victim: Victim): Promise<void>;
  /** Everything the processes printed, for the failure message. */
  output(): string;
  stop(): Promise<void>;
}

export async function startCluster(): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-kill-'));
  const executions = join(folder, 'executions');
  const [databasePort, port] = [await freePort(), await freePort()];
  const dataDir = mkdtempSync(join(tmpdir(), 'perdure-kill-pg-'));
  const address = `127.0.0.1:${port}`;
  let database: RunningPostgres = await startPostgres({ dataDir, port: databasePort });
  const { url } = database;
  await migrate(url);
  const outputs: Program[] = [];
  const run = (program: Program): Program => {
    outputs.push(program);
    return program;
  };
  const startService = (): Program => run(startProgram(['server', '--address', address, '--db-url', url, '--log-level', 'info']));
  const startWorker = (): Program => run(startNode([WORKER, address, executions]));
  let service = startService();
  let worker = startWorker();

  async function kill(victim: Victim): Promise<void> {
    if (victim === 'service') {
      await service.end('SIGKILL');
      service = startService();
    } else if (victim === 'worker') {
      await worker.end('SIGKILL');
      worker = startWorker();
    } else {
      killTree(database.pid);
      database = await startPostgres({ dataDir, port: databasePort });
    }
  }

  return {
    address,
    databaseUrl: url,
    executions,
    kill,
    output: () => outputs.map((program) => program.stdout().slice(-4_000) + program.stderr().slice(-4_000)).join('\n---\n'),
    async stop() {
      await worker.end('SIGTERM');
      await service.end('SIGTERM');
      await database.stop();
    },
  };
}

/** SIGKILL for the postmaster and its children: what is left of them would hold its shared memory. */
function killTree(pid: number): void {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(name) === pid)
    .map(Number);
  for (const each of [pid, ...children]) {
    try {
      process.kill(each, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function parentOf(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}
