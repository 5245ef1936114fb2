/** Lists and counts of runs. A page token goes with the namespace and the filter it was made for. */
import { createHash } from 'node:crypto';
import type { SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import { WorkflowPropertiesUpserted, type WorkflowStatus, type WorkflowSummary } from '@perdure/proto/perdure/api/v1/workflow';
import { DEFAULT_LIST_PAGE, MAX_COUNT_GROUPS, MAX_LIST_PAGE, MAX_PAGE_BYTES } from '../core/limits.ts';
import { toTimestamp } from '../core/time.ts';
import { builtInFieldInAnyCase, FIELDS, type VisibilityField } from '../core/visibility-fields.ts';
import { badField } from '../errors.ts';
import type { VisibilityEntry, VisibilityQuery } from '../store/store.ts';
import { badToken, openPageToken, signPageToken } from '../tokens.ts';
import type { Context, Frontend } from './call.ts';
import { type ParsedFilter, parseFilter } from './filter.ts';
import { type Declared, findField } from './filter-fields.ts';
import { STATUSES } from './filter-values.ts';
import { checkText } from './text.ts';
import { countOf } from './validate.ts';

/** Everything of a summary but memo and search attributes, about. */
const SUMMARY_BYTES = 512;
const HASH_BYTES = 16;

/** ListWorkflows and CountWorkflows. */
export function listRpcs(context: Context): Pick<Frontend, 'listWorkflows' | 'countWorkflows'> {
  return {
    listWorkflows: async (request) => {
      checkText(request);
      const pageSize = countOf('page_size', request.pageSize, DEFAULT_LIST_PAGE, MAX_LIST_PAGE);
      const { namespaceId, parse } = await openNamespace(context, request.namespace);
      const page = openPage(context, request.pageToken, namespaceId, request.filter);
      const now = page?.now ?? context.env.now();
      const { filter, order } = await parse(request.filter, now);
      // One more than asked for tells whether there is another page.
      const query: VisibilityQuery = { namespaceId, filter, order, limit: pageSize + 1, after: page?.after };
      const entries = await context.store.listVisibility(query);
      const shown = entries.slice(0, fitting(entries, pageSize));
      const last = shown.length < entries.length ? shown.at(-1) : undefined;
      const nextPageToken = last === undefined ? new Uint8Array(0) : signPage(context, last, now, namespaceId, request.filter);
      return { workflows: shown.map(toSummary), nextPageToken };
    },
    countWorkflows: async (request) => {
      checkText(request);
      const { namespaceId, declared, parse } = await openNamespace(context, request.namespace);
      const { filter, order } = await parse(request.filter, context.env.now());
      if (order !== undefined) throw badField('filter', 'a count has no order; leave ORDER BY out');
      const count = BigInt(await context.store.countVisibility(namespaceId, filter));
      if (request.groupBy === '') return { count, groups: [] };
      const by = groupField(request.groupBy, declared());
      const groups = await context.store.groupVisibility(namespaceId, filter, { field: by.name, type: by.type }, MAX_COUNT_GROUPS);
      return { count, groups: groups.map((group) => ({ value: groupValue(by, group.value), count: BigInt(group.count) })) };
    },
  };
}

interface OpenNamespace {
  readonly namespaceId: string;
  declared(): Declared;
  /** Reads a filter; before it is refused the namespace is read again, since a field may just have been declared. */
  parse(filter: string, now: number): Promise<ParsedFilter>;
}

async function openNamespace(context: Context, name: string): Promise<OpenNamespace> {
  let row = await context.namespaces.find(name);
  return {
    namespaceId: row.namespaceId,
    declared: () => row.config.searchAttributes,
    parse: async (filter, now) => {
      try {
        return parseFilter(filter, now, row.config.searchAttributes);
      } catch (error) {
        const { version } = row;
        row = await context.namespaces.findFresh(name);
        if (row.version === version) throw error;
        return parseFilter(filter, now, row.config.searchAttributes);
      }
    },
  };
}

const GROUP_TYPES = new Set(['keyword', 'int', 'bool']);

/** A field by whose values runs can be counted. */
function groupField(name: string, declared: Declared): VisibilityField {
  const field = findField(name, declared);
  const isBuiltIn = builtInFieldInAnyCase(name) !== undefined;
  if (field !== undefined && (isBuiltIn ? field.groups === true : GROUP_TYPES.has(field.type))) return field;
  const possible = [
    ...FIELDS.filter((one) => one.groups === true).map((one) => one.name),
    ...Object.keys(declared).filter((key) => GROUP_TYPES.has(declared[key] ?? '')),
  ];
  throw badField('group_by', `${JSON.stringify(name.slice(0, 80))} is not one of ${possible.join(', ')}`);
}

function groupValue(field: VisibilityField, value: string | number | boolean | null): SearchAttributeValue {
  if (value === null) return { value: undefined };
  if (field.written === 'status') {
    return { value: { $case: 'keyword', value: STATUSES.find(([, status]) => status === value)?.[0] ?? String(value) } };
  }
  if (typeof value === 'boolean') return { value: { $case: 'bool', value } };
  return { value: typeof value === 'number' ? { $case: 'int', value: BigInt(value) } : { $case: 'keyword', value } };
}

/** How many entries fit into a page: at least one. */
function fitting(entries: readonly VisibilityEntry[], pageSize: number): number {
  let bytes = 0;
  for (const [index, entry] of entries.entries()) {
    bytes += SUMMARY_BYTES + (entry.memo?.length ?? 0) + entry.workflowId.length * 3;
    if (index === pageSize || (index > 0 && bytes > MAX_PAGE_BYTES)) return index;
  }
  return entries.length;
}

/** History writes memo and search attributes together, with their exact types, as one message. */
function toSummary(entry: VisibilityEntry): WorkflowSummary {
  const { memo, searchAttributes } = WorkflowPropertiesUpserted.decode(entry.memo ?? new Uint8Array(0));
  return {
    execution: { workflowId: entry.workflowId, runId: entry.runId },
    workflowType: entry.type,
    taskQueue: entry.taskQueue,
    status: entry.status as WorkflowStatus,
    startTime: toTimestamp(entry.startedAt),
    closeTime: entry.closedAt === null ? undefined : toTimestamp(entry.closedAt),
    historyLength: BigInt(entry.historyLength),
    blockedCause: entry.blockedCause,
    searchAttributes,
    memo,
  };
}

function signPage(context: Context, last: VisibilityEntry, now: number, namespaceId: string, filter: string): Uint8Array {
  return signPageToken(context.tokenKey, {
    namespaceId,
    startTimeUs: BigInt(last.startedAt) * 1_000n,
    runId: last.runId,
    filterHash: hashOf(filter),
    nowMs: BigInt(now),
  });
}

/** Where the page before ended, and what now meant on the first one. */
function openPage(
  context: Context,
  bytes: Uint8Array,
  namespaceId: string,
  filter: string,
): { after: NonNullable<VisibilityQuery['after']>; now: number } | undefined {
  if (bytes.length === 0) return undefined;
  const token = openPageToken(context.tokenKey, bytes);
  if (token.namespaceId !== namespaceId || Buffer.compare(token.filterHash, hashOf(filter)) !== 0) throw badToken('page_token');
  return { after: { startedAt: Number(token.startTimeUs / 1_000n), runId: token.runId }, now: Number(token.nowMs) };
}

function hashOf(filter: string): Uint8Array {
  return createHash('sha256').update(filter, 'utf8').digest().subarray(0, HASH_BYTES);
}
