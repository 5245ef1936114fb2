/** What `perdure namespace …` does. */
import {
  type DescribeNamespaceResponse,
  type Namespace,
  type NamespaceLimits,
  NamespaceState,
  SearchAttributeType,
} from '@perdure/proto/perdure/api/v1/namespace';
import { choiceFlag, durationFlag, numberFlag } from '../input.ts';
import { EXIT, UsageError } from '../outcome.ts';
import { durationText } from '../output/plain.ts';
import { formatTable } from '../output/table.ts';
import type { CommonFlags } from '../workflow/commands.ts';
import { type Session, toJsonText, withSession } from '../workflow/session.ts';

type Flags = Omit<CommonFlags, 'namespace'>;

export interface SettingFlags extends Flags {
  readonly retention?: string;
  readonly searchAttribute?: readonly string[];
  readonly requestsPerSecond?: string;
  readonly eventPayloadBytes?: string;
  readonly description?: string;
  readonly owner?: string;
  readonly label?: readonly string[];
}

const TYPES: Readonly<Record<string, SearchAttributeType>> = {
  keyword: SearchAttributeType.KEYWORD,
  'keyword-list': SearchAttributeType.KEYWORD_LIST,
  int: SearchAttributeType.INT,
  double: SearchAttributeType.DOUBLE,
  bool: SearchAttributeType.BOOL,
  datetime: SearchAttributeType.DATETIME,
};

export function create(name: string, flags: SettingFlags): Promise<number> {
  const settings = settingsOf(flags, undefined);
  return withNamespaces(flags, async (session) => {
    const { description = '', owner = '' } = flags;
    show(session, await session.rpc.createNamespace({ name, ...settings, description, owner }));
  });
}

export function describe(name: string, flags: Flags): Promise<number> {
  return withNamespaces(flags, async (session) => show(session, await session.rpc.describeNamespace({ name })));
}

export function update(name: string, flags: SettingFlags & { readonly removeLabel?: readonly string[] }): Promise<number> {
  return withNamespaces(flags, async (session) => {
    // One limit given leaves the other as it is; the request carries both.
    const limited = flags.requestsPerSecond !== undefined || flags.eventPayloadBytes !== undefined;
    const now = limited ? (await session.rpc.describeNamespace({ name })).namespace?.limits : undefined;
    const { description, owner, removeLabel = [] } = flags;
    const request = { name, ...settingsOf(flags, now), description, owner, removeLabels: [...removeLabel] };
    show(session, await session.rpc.updateNamespace(request));
  });
}

export function list(flags: Flags): Promise<number> {
  return withNamespaces(flags, async (session) => {
    const found: Namespace[] = [];
    let pageToken: Uint8Array = new Uint8Array();
    do {
      const page = await session.rpc.listNamespaces({ pageSize: 1_000, pageToken });
      found.push(...page.namespaces);
      pageToken = page.nextPageToken;
    } while (pageToken.length > 0);
    if (session.output === 'json') session.print(`${toJsonText(found.map(plain), 'json')}\n`);
    else if (session.output === 'jsonl') for (const one of found) session.print(`${toJsonText(plain(one), 'jsonl')}\n`);
    else session.print(formatTable(['NAME', 'STATE', 'RETENTION', 'OWNER', 'DESCRIPTION'], found.map(row), session));
  });
}

export function remove(name: string, flags: Flags & { readonly terminateOpenRuns?: true }): Promise<number> {
  return withNamespaces(flags, async (session) => {
    await session.rpc.deleteNamespace({ name, terminateOpenRuns: flags.terminateOpenRuns === true });
    if (session.output === 'table')
      session.print(`Deleting ${name} in the background; \`perdure namespace describe ${name}\` shows what is left.\n`);
    else session.printJson({});
  });
}

async function withNamespaces(flags: Flags, work: (session: Session) => Promise<void>): Promise<number> {
  await withSession({ ...flags, namespace: '' }, work);
  return EXIT.ok;
}

function settingsOf(flags: SettingFlags, limits: NamespaceLimits | undefined) {
  const { requestsPerSecond, eventPayloadBytes } = flags;
  const limited = requestsPerSecond !== undefined || eventPayloadBytes !== undefined;
  return {
    labels: Object.fromEntries(pairs('--label', flags.label)),
    retention: durationFlag('--retention', flags.retention),
    limits: limited
      ? {
          requestsPerSecond:
            requestsPerSecond === undefined
              ? (limits?.requestsPerSecond ?? 0)
              : numberFlag('--requests-per-second', requestsPerSecond, 0, 1e9),
          eventPayloadBytes:
            eventPayloadBytes === undefined
              ? (limits?.eventPayloadBytes ?? 0n)
              : BigInt(numberFlag('--event-payload-bytes', eventPayloadBytes, 0, 2 ** 40)),
        }
      : undefined,
    searchAttributes: Object.fromEntries(
      pairs('--search-attribute', flags.searchAttribute).map(([name, type]) => [
        name,
        choiceFlag('--search-attribute', type, TYPES, SearchAttributeType.UNSPECIFIED),
      ]),
    ),
  };
}

function pairs(flag: string, texts: readonly string[] | undefined): [string, string][] {
  return (texts ?? []).map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`${flag}: ${JSON.stringify(text)} is not of the form name=value`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
}

function stateOf({ state }: Namespace): string {
  return state === NamespaceState.DELETING ? 'deleting' : 'active';
}

function typeNames({ searchAttributes }: Namespace): Record<string, string> {
  const nameOf = (type: SearchAttributeType): string => Object.keys(TYPES).find((name) => TYPES[name] === type) ?? String(type);
  return Object.fromEntries(Object.entries(searchAttributes).map(([name, type]) => [name, nameOf(type)]));
}

function plain(namespace: Namespace) {
  const { name, namespaceId, description, owner, labels, retention, limits } = namespace;
  return {
    ...{ name, namespaceId, state: stateOf(namespace), description, owner, labels: { ...labels } },
    retention: retention === undefined ? null : durationText(retention),
    requestsPerSecond: limits?.requestsPerSecond ?? 0,
    eventPayloadBytes: Number(limits?.eventPayloadBytes ?? 0n),
    searchAttributes: typeNames(namespace),
  };
}

function row(namespace: Namespace): string[] {
  const { name, owner, description, retention } = namespace;
  return [name, stateOf(namespace), retention === undefined ? '' : (durationText(retention) ?? ''), owner, description];
}

function show(
  session: Session,
  { namespace, deletion }: Pick<DescribeNamespaceResponse, 'namespace'> & Partial<DescribeNamespaceResponse>,
): void {
  if (namespace === undefined) return;
  const left = deletion === undefined ? {} : { openRuns: Number(deletion.openRuns), closedRuns: Number(deletion.closedRuns) };
  const shown = { ...plain(namespace), ...left };
  if (session.output !== 'table') {
    session.print(`${toJsonText(shown, session.output)}\n`);
    return;
  }
  for (const [key, value] of Object.entries(shown)) {
    const text =
      typeof value === 'object' && value !== null
        ? Object.entries(value)
            .map(([name, one]) => `${name}=${one}`)
            .join(' ')
        : String(value);
    if (text !== '') session.print(`${session.bold(key.padEnd(20))}${text}\n`);
  }
}
