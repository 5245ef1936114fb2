/** The command line: flags and help. What a command does is loaded when it runs, so that help and small commands start at once. */
import { Command, CommanderError } from 'commander';
import { ConfigError, DEFAULT_ADDRESS, SETTINGS } from '../config.ts';
import { readVersion } from '../version.ts';
import { addActivityCommands } from './activity/commands.ts';
import { addNamespaceCommands } from './namespace/commands.ts';
import { CommandError, EXIT, UsageError } from './outcome.ts';
import { addWorkflowCommands } from './workflow/commands.ts';

/** Runs one command to its end; resolves to the exit code. Prints errors itself. */
export async function runProgram(args: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const finish = (result: number): void => {
    code = result;
  };
  try {
    await createProgram(finish).parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): number {
  // Commander has printed its own message.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UsageError || error instanceof ConfigError) {
    process.stderr.write(`error: ${error.message}\n`);
    return EXIT.usage;
  }
  if (error instanceof CommandError) process.stderr.write(`error: ${error.message}\n`);
  else process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.failed;
}

function createProgram(finish: (code: number) => void): Command {
  const program = new Command('perdure')
    .description('Durable workflows: a service, its database and its tools.')
    .version(readVersion())
    .exitOverride()
    .showHelpAfterError('(add --help for the flags)')
    .addHelpText(
      'after',
      `\nExit codes: ${EXIT.ok} done, ${EXIT.failed} failed (a workflow that did not complete included), ${EXIT.usage} wrong flags.`,
    );
  addDev(program, finish);
  addServer(program, finish);
  addMigrate(program, finish);
  addWorkflowCommands(program, finish);
  addActivityCommands(program, finish);
  addNamespaceCommands(program, finish);
  return program;
}

function addDev(program: Command, finish: (code: number) => void): void {
  program
    .command('dev')
    .description('everything for development in one command: embedded PostgreSQL, schema, service')
    .option('--port <port>', `port on 127.0.0.1 (default: the setting address, ${DEFAULT_ADDRESS})`)
    .option('--db-url <url>', `use this database instead of the embedded one: ${SETTINGS.dbUrl.allowed}`)
    .option('--data-dir <folder>', `where the embedded database is kept (default: ${SETTINGS.dataDir.default})`)
    .option('--ephemeral', 'keep nothing: a temporary folder, removed at the end')
    .option('--log-level <level>', `${SETTINGS.logLevel.allowed} (default: warn)`)
    .option('--log-format <format>', `${SETTINGS.logFormat.allowed} (default: text)`)
    .option('--config <file>', 'YAML file with settings')
    .action(async (flags) => finish(await (await import('../dev/command.ts')).runDev(flags)));
}

function addServer(program: Command, finish: (code: number) => void): void {
  const command = program.command('server').description('the service, for a database made by `perdure migrate`');
  for (const name of ['address', 'roles', 'dbUrl', 'logLevel', 'logFormat'] as const) {
    const { flag, env, about, allowed, default: fallback } = SETTINGS[name];
    command.option(`${flag} <value>`, `${about}: ${allowed} [${env}]${fallback === '' ? '' : ` (default: ${fallback})`}`);
  }
  command
    .option('--insecure', `${SETTINGS.insecure.about} [${SETTINGS.insecure.env}]`)
    .option('--config <file>', 'YAML file with settings [PERDURE_CONFIG]')
    .action(async (flags) => finish(await (await import('./server-command.ts')).runServer(flags)));
}

function addMigrate(program: Command, finish: (code: number) => void): void {
  program
    .command('migrate')
    .description("creates or updates the database's schema; can be repeated")
    .option('--db-url <url>', `${SETTINGS.dbUrl.allowed} [${SETTINGS.dbUrl.env}]`)
    .option('--plan', 'only print the statements that would run')
    .option('--config <file>', 'YAML file with settings [PERDURE_CONFIG]')
    .action(async (flags) => finish(await (await import('./migrate-command.ts')).runMigrate(flags)));
}
