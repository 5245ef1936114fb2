/** `perdure migrate`: brings a database to the schema of this program. */
import { loadConfig } from '../config.ts';
import { migrate, pendingSteps, schemaVersion } from '../store/migrations/migrate.ts';
import { CommandError, EXIT, UsageError } from './outcome.ts';

export interface MigrateFlags {
  readonly dbUrl?: string;
  readonly plan?: boolean;
  readonly config?: string;
}

/** Resolves to the exit code. */
export async function runMigrate(flags: MigrateFlags): Promise<number> {
  const config = await loadConfig({ flags: { dbUrl: flags.dbUrl }, file: flags.config });
  if (config.dbUrl === undefined) throw new UsageError('--db-url: the database is needed (or PERDURE_DB_URL)');
  try {
    process.stdout.write(flags.plan === true ? await plan(config.dbUrl) : await run(config.dbUrl));
  } catch (error) {
    // No stack: what goes wrong here is the database's state, not this program.
    throw new CommandError(`the database was not migrated: ${(error as Error).message || String((error as { code?: unknown }).code)}`);
  }
  return EXIT.ok;
}

async function plan(url: string): Promise<string> {
  const steps = await pendingSteps(url);
  return steps.length === 0 ? '-- nothing to do\n' : steps.map((step) => `${step.trim()};\n`).join('');
}

async function run(url: string): Promise<string> {
  const before = await schemaVersion(url);
  const after = await migrate(url);
  return before === after ? `schema ${after}: nothing to do\n` : `schema ${before} → ${after}\n`;
}
