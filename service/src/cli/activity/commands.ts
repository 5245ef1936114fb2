/** Flags of `perdure activity …`. */
import { type Command, Option } from 'commander';
import { clientSettings } from '../../config.ts';

type Finish = (code: number) => void;

export function addActivityCommands(program: Command, finish: Finish): void {
  const activity = program.command('activity').description('hold, let go, begin again and change open activities');
  const load = () => import('./run.ts');
  add(activity, 'pause', 'begins no attempt; one that runs is told to stop')
    .option('--reason <text>', 'shown with the activity', '')
    .action(async (workflowId, activityId, flags) => finish(await (await load()).pause(workflowId, activityId, flags)));
  addJitter(add(activity, 'resume', 'lets a paused activity go on')).action(async (workflowId, activityId, flags) =>
    finish(await (await load()).resume(workflowId, activityId, flags)),
  );
  addJitter(add(activity, 'reset', 'counts attempts from 1 again: at once, or after the one that runs, which is told to stop'))
    .option('--reset-heartbeat-details', 'the next attempt does not get what earlier ones reported')
    .option('--keep-paused', 'a paused activity stays so')
    .option('--restore-options', 'with the options it was scheduled with')
    .action(async (workflowId, activityId, flags) => finish(await (await load()).reset(workflowId, activityId, flags)));
  add(activity, 'update', 'changes options: what is given, and nothing else')
    .option('--task-queue <queue>', 'where its workers poll')
    .option('--schedule-to-close <duration>', 'from the call to the end of the last attempt; 0s is no limit')
    .option('--schedule-to-start <duration>', 'from when an attempt is due to its start; 0s is no limit')
    .option('--start-to-close <duration>', 'longest attempt, from the next one on; 0s is no limit')
    .option('--heartbeat <duration>', 'longest silence of an attempt, from the next one on; 0s is no limit')
    .option('--restore', 'first back to what was scheduled')
    .action(async (workflowId, activityId, flags) => finish(await (await load()).update(workflowId, activityId, flags)));
}

function add(parent: Command, name: string, description: string): Command {
  const { address, namespace } = clientSettings();
  return parent
    .command(`${name} <workflow-id> <activity-id>`)
    .description(description)
    .option('--run-id <id>', 'this run only (default: the open run)')
    .option('--address <host:port>', 'the service [PERDURE_ADDRESS]', address)
    .option('--namespace <name>', 'the namespace [PERDURE_NAMESPACE]', namespace)
    .addOption(new Option('-o, --output <format>', 'how answers are printed').choices(['table', 'json', 'jsonl']).default('table'));
}

function addJitter(command: Command): Command {
  return command.option('--jitter <duration>', 'begin within this time, at random (default: as soon as it is due)');
}
