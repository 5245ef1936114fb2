/** `perdure dev`: embedded PostgreSQL, schema and service in one command. */
import { createServer } from 'node:net';
import { numberFlag } from '../cli/input.ts';
import { CommandError, EXIT } from '../cli/outcome.ts';
import { listen } from '../cli/server-command.ts';
import { untilAskedToStop } from '../cli/signals.ts';
import { type Config, loadConfig, parseAddress } from '../config.ts';
import { migrate } from '../store/migrations/migrate.ts';
import { createLog } from '../telemetry/log.ts';
import { readVersion } from '../version.ts';
import { lockFolder } from './lock.ts';
import { startPostgres } from './postgres.ts';

export interface DevFlags {
  /** Instead of the setting `address`: this port on 127.0.0.1. */
  readonly port?: string;
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
    flags: { ...settings, address: port === undefined ? undefined : `127.0.0.1:${numberFlag('--port', port, 0, 65_535)}` },
    file,
    defaults: { logLevel: 'warn', logFormat: 'text' },
  });
  await checkAddress(config.address);
  const asked = untilAskedToStop();
  const unlock = config.dbUrl === undefined && ephemeral !== true ? lockFolder(config.dataDir) : () => {};
  const steps: (() => unknown)[] = [unlock];
  try {
    let dbUrl = config.dbUrl;
    let ended = new Promise<void>(() => {});
    if (dbUrl === undefined) {
      const database = await startPostgres({ dataDir: config.dataDir, ephemeral });
      steps.push(() => database.stop());
      dbUrl = database.url;
      ended = database.ended();
    }
    await migrate(dbUrl);
    const log = await createLog({ level: config.logLevel, format: config.logFormat });
    const server = await listen(config, dbUrl, log);
    steps.push(() => server.stop());
    const early = await Promise.race([server.ready, asked]);
    if (early === undefined) {
      process.stdout.write(welcome(server.address, where(config, ephemeral === true)));
      // Nobody else would start it again.
      const gone = await Promise.race([asked.then(() => false), ended.then(() => true)]);
      if (gone)
        throw new CommandError(`PostgreSQL has ended${ephemeral ? '' : ` (its log: ${config.dataDir}/pg.log)`}; start perdure dev again`);
    }
    process.stdout.write('\nstopping …\n');
  } catch (error) {
    throw error instanceof CommandError ? error : new CommandError((error as Error).message || String(error));
  } finally {
    await stopAll(steps);
  }
  return EXIT.ok;
}

function where({ dbUrl, dataDir }: Config, ephemeral: boolean): string {
  if (dbUrl !== undefined) return 'in the given database';
  return ephemeral ? 'in a temporary folder, removed at the end' : `kept in ${dataDir}`;
}

/** Last started, first stopped. One that fails must not keep the others, the database above all, from stopping. */
async function stopAll(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps.toReversed()) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
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

/** Before anything is started, so that a second `perdure dev` changes nothing. */
function checkAddress(address: string): Promise<void> {
  const { host, port } = parseAddress(address) ?? { host: '127.0.0.1', port: 0 };
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new CommandError(
          error.code === 'EADDRINUSE'
            ? `port ${port} is in use, perhaps by another \`perdure dev\`; stop that one or add --port <other>`
            : `cannot listen on ${address}: ${error.message}`,
        ),
      ),
    );
    probe.listen(port, host.replace(/^\[|\]$/g, ''), () => probe.close(() => resolve()));
  });
}
