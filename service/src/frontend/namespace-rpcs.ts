/** NamespaceService: namespaces are created, shown, changed, listed and deleted. Their rows are the store's; history removes what is in them. */
import { DEFAULT_LIST_PAGE, MAX_LIST_PAGE } from '../core/limits.ts';
import { toTimestamp } from '../core/time.ts';
import { PerdureError } from '../errors.ts';
import { DEFAULT_NAMESPACE_NAME, EMPTY_CONFIG, type NamespaceRow, type VisibilityFilter } from '../store/store.ts';
import { badToken, openPageToken, signPageToken } from '../tokens.ts';
import type { Context, Frontend } from './call.ts';
import { changedConfig, requireName, retentionMsOf, toNamespace } from './namespace-values.ts';
import { nameOf, namespaceDeleting, namespaceNotFound } from './namespaces.ts';
import { checkText } from './text.ts';
import { countOf } from './validate.ts';

type NamespaceRpcs = Pick<Frontend, 'createNamespace' | 'describeNamespace' | 'updateNamespace' | 'listNamespaces' | 'deleteNamespace'>;

/** Tries of a change that meets others. */
const TRIES = 10;
const OPEN: VisibilityFilter = { kind: 'compare', field: 'CloseTime', type: 'datetime', op: 'isNull', value: '' };
/** Stands in page tokens where lists of runs have the hash of their filter. */
const OF_NAMESPACES = Buffer.from('namespaces');

export function namespaceRpcs(context: Context): NamespaceRpcs {
  const { store, env, namespaces } = context;
  return {
    createNamespace: async (request) => {
      checkText(request);
      const row: NamespaceRow = {
        namespaceId: env.newId(),
        name: requireName(request.name),
        retentionMs: retentionMsOf(request),
        version: 0,
        config: changedConfig(EMPTY_CONFIG, request),
      };
      const stored = await store.createNamespace(row);
      namespaces.changed(row.name);
      if (stored.namespaceId !== row.namespaceId) throw exists(row.name);
      return { namespace: toNamespace(stored) };
    },
    describeNamespace: async (request) => {
      checkText(request);
      const row = await read(context, request.name);
      const { deletingSince } = row.config;
      return { namespace: toNamespace(row), deletion: deletingSince === null ? undefined : await deletionOf(context, row, deletingSince) };
    },
    updateNamespace: async (request) => {
      checkText(request);
      const row = await change(context, request.name, (stored) => ({
        ...stored,
        retentionMs: retentionMsOf(request, stored.retentionMs),
        config: changedConfig(stored.config, request),
      }));
      return { namespace: toNamespace(row) };
    },
    listNamespaces: async (request) => {
      checkText(request);
      const pageSize = countOf('page_size', request.pageSize, DEFAULT_LIST_PAGE, MAX_LIST_PAGE);
      const after = openPage(context, request.pageToken);
      const rows = (await store.listNamespaces()).filter(({ name }) => name > after).sort((a, b) => (a.name < b.name ? -1 : 1));
      const page = rows.slice(0, pageSize);
      const last = page.length < rows.length ? page.at(-1) : undefined;
      return { namespaces: page.map(toNamespace), nextPageToken: last === undefined ? new Uint8Array(0) : signPage(context, last.name) };
    },
    deleteNamespace: async (request) => {
      checkText(request);
      await remove(context, request.name, request.terminateOpenRuns);
      return {};
    },
  };
}

function exists(name: string): PerdureError {
  return new PerdureError('NAMESPACE_EXISTS', `namespace ${JSON.stringify(name)} exists`, { namespace: name });
}

/** The row as stored now, also while it is being deleted. */
async function read({ store }: Context, given: string): Promise<NamespaceRow> {
  const name = nameOf(given);
  const row = await store.getNamespace(name);
  if (row === undefined) throw namespaceNotFound(name);
  return row;
}

/** Writes a change; when another came between it is made again from what that one left. */
async function change(context: Context, given: string, made: (row: NamespaceRow) => NamespaceRow): Promise<NamespaceRow> {
  for (let tries = 1; ; tries += 1) {
    const row = await read(context, given);
    if (row.config.deletingSince !== null) throw namespaceDeleting(row.name);
    const next = made(row);
    const written = await context.store.updateNamespace(next);
    context.namespaces.changed(row.name);
    if (written) return { ...next, version: row.version + 1 };
    if (tries === TRIES) throw new PerdureError('UNAVAILABLE', 'others change the namespace all the time; try again', {}, 100);
  }
}

/** Asked again for one that is being deleted it says so no more: the outcome is what was asked for. */
async function remove(context: Context, given: string, terminateOpenRuns: boolean): Promise<void> {
  const row = await read(context, given === '' ? requireName(given) : given);
  const inUse = (problem: string, metadata: Record<string, string> = {}): PerdureError =>
    new PerdureError('NAMESPACE_IN_USE', `namespace ${JSON.stringify(row.name)} ${problem}`, { namespace: row.name, ...metadata });
  if (row.name === DEFAULT_NAMESPACE_NAME) throw inUse('is always there');
  if (row.config.deletingSince !== null) return;
  if (!terminateOpenRuns) {
    const open = await context.store.countVisibility(row.namespaceId, OPEN);
    if (open > 0) throw inUse(`has ${open} open run${open === 1 ? '' : 's'}`, { open_runs: String(open) });
  }
  const deletingSince = context.env.now();
  await change(context, row.name, (stored) => ({ ...stored, config: { ...stored.config, deletingSince } }));
}

async function deletionOf(
  { store }: Context,
  { namespaceId }: NamespaceRow,
  since: number,
): Promise<{ requestedTime: ReturnType<typeof toTimestamp>; openRuns: bigint; closedRuns: bigint }> {
  const open = await store.countVisibility(namespaceId, OPEN);
  const all = await store.countVisibility(namespaceId, undefined);
  return { requestedTime: toTimestamp(since), openRuns: BigInt(open), closedRuns: BigInt(Math.max(0, all - open)) };
}

function signPage(context: Context, name: string): Uint8Array {
  return signPageToken(context.tokenKey, { namespaceId: '', startTimeUs: 0n, runId: name, filterHash: OF_NAMESPACES, nowMs: 0n });
}

function openPage(context: Context, bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  const token = openPageToken(context.tokenKey, bytes);
  if (Buffer.compare(token.filterHash, OF_NAMESPACES) !== 0) throw badToken('page_token');
  return token.runId;
}
