/** Flags of `perdure namespace …`. */
import { type Command, Option } from 'commander';
import { clientSettings } from '../../config.ts';

const COLLECT = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

type Finish = (code: number) => void;

export function addNamespaceCommands(program: Command, finish: Finish): void {
  const namespace = program.command('namespace').description('create, see, change and delete namespaces');
  const load = () => import('./run.ts');
  addSettings(add(namespace, 'create <name>', 'creates a namespace')).action(async (name, flags) =>
    finish(await (await load()).create(name, flags)),
  );
  add(namespace, 'describe [name]', 'shows a namespace (default: "default")').action(async (name, flags) =>
    finish(await (await load()).describe(name ?? '', flags)),
  );
  addSettings(add(namespace, 'update <name>', 'changes what is given and nothing else'))
    .option('--remove-label <key>', 'a label to take away; repeat for more', COLLECT)
    .action(async (name, flags) => finish(await (await load()).update(name, flags)));
  add(namespace, 'list', 'lists namespaces by name').action(async (flags) => finish(await (await load()).list(flags)));
  add(namespace, 'delete <name>', 'deletes a namespace with everything in it, in the background')
    .option('--terminate-open-runs', 'also when runs are open: they are terminated')
    .action(async (name, flags) => finish(await (await load()).remove(name, flags)));
}

function add(parent: Command, nameAndArgs: string, description: string): Command {
  return parent
    .command(nameAndArgs)
    .description(description)
    .option('--address <host:port>', 'the service [PERDURE_ADDRESS]', clientSettings().address)
    .addOption(new Option('-o, --output <format>', 'how answers are printed').choices(['table', 'json', 'jsonl']).default('table'));
}

function addSettings(command: Command): Command {
  return command
    .option('--retention <duration>', 'how long closed runs are kept, for example 30d (1h to 10 years; default for new ones: 7d)')
    .option(
      '--search-attribute <name=type>',
      'declares one: keyword, keyword-list, int, double, bool or datetime; repeat for more',
      COLLECT,
    )
    .option('--requests-per-second <n>', 'client calls per second at each node; 0 is no limit')
    .option('--event-payload-bytes <n>', 'bytes of all payloads of one event; 0 is the limit of the service')
    .option('--description <text>', 'for people')
    .option('--owner <text>', 'for people: who is responsible')
    .option('--label <key=text>', 'for people and programs; repeat for more', COLLECT);
}
