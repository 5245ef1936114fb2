/** Flags of `perdure workflow …`. */
import { type Command, Option } from 'commander';
import { clientSettings } from '../../config.ts';

const COLLECT = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

/** What every workflow command can be told. */
export interface CommonFlags {
  readonly address: string;
  readonly namespace: string;
  readonly output: 'table' | 'json' | 'jsonl';
}

type Finish = (code: number) => void;

export function addWorkflowCommands(program: Command, finish: Finish): void {
  const workflow = program.command('workflow').description('start, see and steer workflows');
  addStart(workflow, finish);
  addReads(workflow, finish);
  addMessages(workflow, finish);
  addUpdates(workflow, finish);
  addStops(workflow, finish);
  addSteering(workflow, finish);
}

/** A command with the flags that all share. */
function add(parent: Command, nameAndArgs: string, description: string): Command {
  const { address, namespace } = clientSettings();
  return parent
    .command(nameAndArgs)
    .description(description)
    .option('--address <host:port>', 'the service [PERDURE_ADDRESS]', address)
    .option('--namespace <name>', 'the namespace [PERDURE_NAMESPACE]', namespace)
    .addOption(new Option('-o, --output <format>', 'how answers are printed').choices(['table', 'json', 'jsonl']).default('table'));
}

function addInput(command: Command): Command {
  return command
    .option('--input <json>', 'one argument as JSON; repeat for more', COLLECT)
    .option(
      '--input-file <file>',
      'arguments from a file (- is stdin): a JSON array is the list of arguments, any other value the only one',
    );
}

function addRun(command: Command): Command {
  return command.option('--run-id <id>', 'this run only (default: the open run, else the newest)');
}

/** What a start can be told beside its input. */
function addStartFlags(command: Command, conflictPolicies: string): Command {
  return command
    .requiredOption('--task-queue <queue>', 'where its workers poll')
    .option('--id <workflow-id>', 'business key (default: made up)')
    .option('--conflict-policy <policy>', `when the id has an open run: ${conflictPolicies}`)
    .option('--reuse-policy <policy>', 'when the id has closed runs only: allow, allow-failed-only, reject (default: allow)')
    .option('--run-timeout <duration>', 'longest run, for example 1h (default: none)')
    .option('--execution-timeout <duration>', 'longest chain of runs (default: none)')
    .option('--task-timeout <duration>', 'longest workflow task, at most 2m (default: 10s)')
    .option('--start-delay <duration>', 'wait before the first workflow task')
    .option(
      '--retry-initial-interval <duration>',
      'delay before the second run after a failure; any --retry flag asks for retries (default: 1s)',
    )
    .option('--retry-maximum-interval <duration>', 'largest delay between runs (default: 100 times the first)')
    .option('--retry-backoff <factor>', 'factor between delays (default: 2)', Number)
    .option('--retry-maximum-attempts <n>', 'runs in all, the first included (default: unlimited)', Number)
    .option('--cron <schedule>', "runs one after the other, in UTC: '0 9 * * MON-FRI', @hourly, '@every 90m'")
    .option('--memo <key=json>', 'shown with the workflow; repeat for more', COLLECT)
    .option('--search-attribute <key=json>', 'a value to list by; repeat for more', COLLECT)
    .option('--request-id <uuid>', 'a UUIDv7; the same id again answers with the same run');
}

function addStart(workflow: Command, finish: Finish): void {
  addStartFlags(addInput(add(workflow, 'start <type>', 'starts a workflow')), 'fail, use-existing, terminate-existing (default: fail)')
    .option('--wait', 'wait for the result, as `result` does')
    .action(async (type, flags) => finish(await (await import('./start.ts')).start(type, flags)));
}

function addReads(workflow: Command, finish: Finish): void {
  add(workflow, 'list', 'lists runs, newest first')
    .option('--filter <filter>', "for example: WorkflowType = 'order' AND Status = 'Running'", '')
    .option('--limit <n>', 'at most this many', '100')
    .action(async (flags) => finish(await (await import('./list.ts')).list(flags)));
  add(workflow, 'count', 'counts runs')
    .option('--filter <filter>', 'as in list', '')
    .option('--group-by <field>', 'Status, WorkflowType, TaskQueue, BlockedCause, BuildId or a search attribute', '')
    .action(async (flags) => finish(await (await import('./list.ts')).count(flags)));
  addRun(add(workflow, 'describe <workflow-id>', 'shows where a run stands')).action(async (id, flags) =>
    finish(await (await import('./describe.ts')).describe(id, flags)),
  );
  addRun(add(workflow, 'show <workflow-id>', "shows a run's history"))
    .option('--follow', 'wait for more until the run closes')
    .action(async (id, flags) => finish(await (await import('./show.ts')).show(id, flags)));
  addRun(add(workflow, 'result <workflow-id>', 'waits for a run to close; exit code 1 unless it completed'))
    .option('--timeout <duration>', 'give up after this long (default: never)')
    .option('--this-run', 'do not wait for runs that continue it as new, by retry or by cron')
    .action(async (id, flags) => finish(await (await import('./result.ts')).result(id, flags)));
}

function addMessages(workflow: Command, finish: Finish): void {
  addInput(addRun(add(workflow, 'signal <workflow-id> <name>', 'sends a signal to an open run'))).action(async (id, name, flags) =>
    finish(await (await import('./message.ts')).signal(id, name, flags)),
  );
  addInput(addRun(add(workflow, 'query <workflow-id> <type>', "asks a run's code; needs a worker"))).action(async (id, type, flags) =>
    finish(await (await import('./message.ts')).query(id, type, flags)),
  );
}

function addUpdates(workflow: Command, finish: Finish): void {
  addInput(addRun(add(workflow, 'update <workflow-id> <name>', "asks a run's code to do something and to answer; needs a worker")))
    .option('--update-id <id>', 'the same id again is the same update (default: made up)')
    .addOption(
      new Option('--wait <stage>', 'until the code takes it, or has done it').choices(['accepted', 'completed']).default('completed'),
    )
    .action(async (id, name, flags) => finish(await (await import('./update.ts')).update(id, name, flags)));
  const withStart = add(workflow, 'signal-with-start <type> <name>', 'signals the open run of an id, or starts one that has the signal');
  addStartFlags(addInput(withStart), 'use-existing, terminate-existing (default: use-existing)')
    .option('--signal-input <json>', 'one argument of the signal as JSON; repeat for more', COLLECT)
    .action(async (type, name, flags) => finish(await (await import('./update.ts')).signalWithStart(type, name, flags)));
}

function addStops(workflow: Command, finish: Finish): void {
  addRun(add(workflow, 'cancel <workflow-id>', 'asks a run to stop; its code decides how'))
    .option('--reason <text>', 'recorded with the request', '')
    .action(async (id, flags) => finish(await (await import('./message.ts')).cancel(id, flags)));
  addRun(add(workflow, 'terminate <workflow-id>', 'ends a run at once, without asking its code'))
    .option('--reason <text>', 'recorded with the end', '')
    .action(async (id, flags) => finish(await (await import('./message.ts')).terminate(id, flags)));
}

function addReset(command: Command): Command {
  return addRun(command)
    .option('--to <place>', 'first-task, last-task or last-failed-step')
    .option('--event <id>', 'a WorkflowTaskCompleted event, or the last event that one wrote')
    .option('--activity <id>', 'the activity of this id runs again')
    .option('--activity-type <type>', 'the last activity of this type runs again')
    .option('--occurrence <n>', 'with --activity-type: the n-th one')
    .option('--build <id>', 'before the first workflow task this build completed')
    .option('--exclude <kinds>', 'leave out what came behind that place: signals, updates, or both by a comma')
    .option('--drop-results', 'activities that completed behind that place run again')
    .option('--request-id <uuid>', 'a UUIDv7; the same id again answers with the same run')
    .option('--reason <text>', 'recorded with both runs', '');
}

function addSteering(workflow: Command, finish: Finish): void {
  addReset(add(workflow, 'reset <workflow-id>', 'starts a new run from an earlier place of a run; ends that run if it is open')).action(
    async (id, flags) => finish(await (await import('./reset.ts')).reset(id, flags)),
  );
  addReset(add(workflow, 'fork <workflow-id>', 'as reset, by default to the step that failed last')).action(async (id, flags) =>
    finish(await (await import('./reset.ts')).fork(id, flags)),
  );
  addRun(add(workflow, 'delete <workflow-id>', 'removes a run with its history; ends it first if it is open'))
    .option('--reason <text>', "written to the service's log", '')
    .action(async (id, flags) => finish(await (await import('./steer.ts')).remove(id, flags)));
  addRun(add(workflow, 'pause <workflow-id>', 'holds a run: none of its tasks is given out'))
    .option('--reason <text>', 'recorded with the pause', '')
    .action(async (id, flags) => finish(await (await import('./steer.ts')).pause(id, flags)));
  addRun(add(workflow, 'resume <workflow-id>', 'lets a paused run go on'))
    .option('--reason <text>', 'recorded with the end of the pause', '')
    .action(async (id, flags) => finish(await (await import('./steer.ts')).resume(id, flags)));
}
