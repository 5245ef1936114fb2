/** `perdure server`: one node of the service, until it is told to stop. */
import { type Config, isLoopback, loadConfig } from '../config.ts';
import { createRealEnv } from '../env-real.ts';
import { type RunningServer, startServer } from '../server.ts';
import { checkSchema } from '../store/migrations/migrate.ts';
import { createPostgresStore } from '../store/postgres/store.ts';
import { counters } from '../telemetry/counters.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { readVersion } from '../version.ts';
import { giveMemoryBackWhenIdle } from './idle-memory.ts';
import { CommandError, EXIT, UsageError } from './outcome.ts';
import { untilAskedToStop } from './signals.ts';

export interface ServerFlags {
  readonly address?: string;
  readonly roles?: string;
  readonly dbUrl?: string;
  readonly insecure?: boolean;
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly config?: string;
}

/** Resolves to the exit code after SIGTERM or SIGINT; a second signal ends the process at once. */
export async function runServer(flags: ServerFlags): Promise<number> {
  const config = await loadConfig({ flags, file: flags.config });
  if (config.dbUrl === undefined)
    throw new UsageError('--db-url: the database is needed (or PERDURE_DB_URL); `perdure dev` brings its own');
  const log = await createLog({ level: config.logLevel, format: config.logFormat });
  const server = await listen(config, config.dbUrl, log);
  log('info', 'listening', { address: server.address, version: readVersion(), pid: process.pid });
  const stopped = stopWhenAsked(server, log);
  try {
    await server.ready;
  } catch (error) {
    await server.stop();
    throw new CommandError((error as Error).message);
  }
  return stopped;
}

/** Starts a server for a database; throws CommandError when the address cannot be had. */
export async function listen({ address }: Config, dbUrl: string, log: Log): Promise<RunningServer> {
  if (!isLoopback(address))
    log('warn', 'INSECURE: other machines can reach this server, and whoever can reach it can do everything', { address });
  let stopping = false;
  // A server that stops lets its connections go, and `perdure dev` its database: nothing an operator would act on.
  const onNotice = (notice: string): void => {
    if (!stopping) log('warn', 'database', { notice });
  };
  const store = createPostgresStore({ url: dbUrl, onNotice });
  process.on('SIGUSR2', printCounters);
  giveMemoryBackWhenIdle();
  try {
    const server = await startServer({
      address,
      store,
      env: createRealEnv(),
      log,
      version: readVersion(),
      checkSchema: () => checkSchema(dbUrl),
      onFatal(reason) {
        log('error', 'this node cannot go on; the process ends', { reason });
        process.exit(EXIT.failed);
      },
    });
    const stop = (): Promise<void> => {
      stopping = true;
      return server.stop();
    };
    return { ...server, stop };
  } catch (error) {
    await store.close();
    throw new CommandError((error as Error).message);
  }
}

/** One JSON line on stdout; benchmarks read it. */
function printCounters(): void {
  process.stdout.write(`${JSON.stringify({ counters })}\n`);
}

async function stopWhenAsked(server: RunningServer, log: Log): Promise<number> {
  const signal = await untilAskedToStop();
  log('info', 'stopping', { signal });
  await server.stop();
  return EXIT.ok;
}
