// The services a suite runs against: its own on an embedded PostgreSQL, one shared by all features and more for those that stop theirs.
import { randomBytes } from 'node:crypto';
import { startPostgres } from '../../service/src/dev/postgres.ts';
import { migrate } from '../../service/src/store/migrations/migrate.ts';
import { createDatabase } from '../../service/src/store/postgres/admin.ts';
import { freePort, type Program, startProgram } from '../../service/test/support/program.ts';
import type { ServiceProcess } from './stage.ts';
import { connect, untilAnswers } from './wire.ts';

const TEMPLATE = 'conformance_template';
/** Nothing outlives a run of the suite, so nothing needs to survive a power failure. */
const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

export interface Services {
  /** A service with a database of its own. */
  start(): Promise<ServiceProcess>;
  /** Ends all of them and the database. */
  stop(): Promise<void>;
}

const SERVING_MS = 60_000;

/** Resolves when the service answers; rejects with its last refusal. */
export async function untilServing(address: string, withinMs: number = SERVING_MS): Promise<void> {
  const wire = connect(address);
  try {
    await untilAnswers(wire, withinMs);
  } catch (error) {
    throw new Error(`no service answers at ${address}: ${(error as Error).message}`);
  } finally {
    wire.close();
  }
}

export async function startServices(): Promise<Services> {
  const database = await startPostgres({ dataDir: '', ephemeral: true, settings: FAST });
  const running = new Set<Program>();
  const urlOf = (name: string): string => {
    const url = new URL(database.url);
    url.pathname = `/${name}`;
    return url.href;
  };
  const stop = async (): Promise<void> => {
    await Promise.all([...running].map((program) => program.end('SIGTERM')));
    await database.stop();
  };
  try {
    await createDatabase(database.url, TEMPLATE);
    await migrate(urlOf(TEMPLATE));
  } catch (error) {
    await stop();
    throw error;
  }
  const start = async (): Promise<ServiceProcess> => {
    const name = `conformance_${randomBytes(6).toString('hex')}`;
    await createDatabase(database.url, name, TEMPLATE);
    const service = serviceOn(urlOf(name), `127.0.0.1:${await freePort()}`, running);
    await service.start();
    return service;
  };
  return { start, stop };
}

function serviceOn(databaseUrl: string, address: string, running: Set<Program>): ServiceProcess {
  let program: Program | undefined;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = program;
    program = undefined;
    ending?.child.kill('SIGCONT');
    await ending?.end(signal);
  };
  return {
    address,
    async start() {
      if (program !== undefined) throw new Error('the service runs');
      const started = startProgram(['server', '--address', address], { env: { PERDURE_DB_URL: databaseUrl, PERDURE_LOG_FORMAT: 'json' } });
      program = started;
      running.add(started);
      void started.finished.then(() => running.delete(started));
      await started.until(/listening/);
      await untilServing(address);
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void program?.child.kill('SIGSTOP'),
    thaw: () => void program?.child.kill('SIGCONT'),
  };
}
