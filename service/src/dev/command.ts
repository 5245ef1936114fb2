/** `perdure dev`: embedded PostgreSQL, schema and service in one command. */
import { createServer } from 'node:net';
import { CommandError, EXIT } from '../cli/outcome.ts';
import { listen } from '../cli/server-command.ts';
import { loadConfig } from '../config.ts';
import { migrate } from '../store/migrations/migrate.ts';
import { createLog } from '../telemetry/log.ts';
import { readVersion } from '../version.ts';
import { lockFolder } from './lock.ts';
import { startPostgres } from './postgres.ts';

export interface DevFlags {
  readonly port: string;
  readonly dbUrl?: string;
  readonly dataDir?: string;
  readonly ephemeral?: boolean;
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly config?: string;
}

/** Resolves to the exit code after Ctrl-C; a second Ctrl-C ends the process at once and leaves the database to the next start. */
export async function runDev(flags: DevFlags): Promise<number> {
  const { port, config: file, ephemeral, ...settings } = flags;
  const config = await loadConfig({
    flags: { ...settings, address: `127.0.0.1:${port}` },
    file,
    defaults: { logLevel: 'warn', logFormat: 'text' },
  });
  await checkPort(Number(port));
  const asked = untilSignal();
  const unlock = config.dbUrl === undefined && ephemeral !== true ? lockFolder(config.dataDir) : () => {};
  const steps: (() => unknown)[] = [unlock];
  try {
    let dbUrl = config.dbUrl;
    if (dbUrl === undefined) {
      const database = await startPostgres({ dataDir: config.dataDir, ephemeral });
      steps.unshift(() => database.stop());
      dbUrl = database.url;
    }
    await migrate(dbUrl);
    const log = await createLog({ level: config.logLevel, format: config.logFormat });
    const server = await listen(config.address, dbUrl, log);
    steps.unshift(() => server.stop());
    const early = await Promise.race([server.ready, asked]);
    if (early === undefined) {
      process.stdout.write(welcome(server.address, where(flags, config.dataDir)));
      await asked;
    }
    process.stdout.write('\nstopping …\n');
  } catch (error) {
    throw error instanceof CommandError ? error : new CommandError((error as Error).message || String(error));
  } finally {
    for (const step of steps) await step();
  }
  return EXIT.ok;
}

function where({ dbUrl, ephemeral }: DevFlags, dataDir: string): string {
  if (dbUrl !== undefined) return 'in the given database';
  return ephemeral === true ? 'in a temporary folder, removed at the end' : `kept in ${dataDir}`;
}

function welcome(address: string, data: string): string {
  const other = address.endsWith(':7233') ? '' : `\n  (other port: set PERDURE_ADDRESS=${address} for workers and commands)`;
  return `
Perdure ${readVersion()} serves on ${address}, its data ${data}. Ctrl-C stops it.${other}

  In a second terminal, a worker:
    node scripts/with-node.mjs node examples/quickstart/worker.ts

  In a third, a workflow:
    npx perdure workflow start greet --task-queue quickstart --id hello-1 --input '"World"' --wait
    npx perdure workflow list
    npx perdure workflow show hello-1
`;
}

/** Before anything is started, so that a second \`perdure dev\` changes nothing. */
function checkPort(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new CommandError(
          error.code === 'EADDRINUSE'
            ? `port ${port} is in use, perhaps by another \`perdure dev\`; stop that one or add --port <other>`
            : `cannot listen on port ${port}: ${error.message}`,
        ),
      ),
    );
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()));
  });
}

function untilSignal(): Promise<'asked'> {
  return new Promise((resolve) => {
    let asked = false;
    const stop = (): void => {
      if (asked) process.exit(EXIT.failed);
      asked = true;
      resolve('asked');
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  });
}
