/** Lists and counts of runs. A page token goes with the namespace and the filter it was made for. */
import { createHash } from 'node:crypto';
import { WorkflowPropertiesUpserted, type WorkflowStatus, type WorkflowSummary } from '@perdure/proto/perdure/api/v1/workflow';
import { DEFAULT_LIST_PAGE, MAX_LIST_PAGE, MAX_PAGE_BYTES } from '../core/limits.ts';
import { toTimestamp } from '../core/time.ts';
import type { VisibilityEntry, VisibilityQuery } from '../store/store.ts';
import { badToken, openPageToken, signPageToken } from '../tokens.ts';
import type { Context, Frontend } from './call.ts';
import { parseFilter } from './filter.ts';
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
      const filter = parseFilter(request.filter, context.env.now());
      const { namespaceId } = await context.namespaces.find(request.namespace);
      const after = openPage(context, request.pageToken, namespaceId, request.filter);
      // One more than asked for tells whether there is another page.
      const query: VisibilityQuery = { namespaceId, filter, limit: pageSize + 1, after };
      const entries = await context.store.listVisibility(query);
      const page = entries.slice(0, fitting(entries, pageSize));
      const last = page.length < entries.length ? page.at(-1) : undefined;
      const nextPageToken = last === undefined ? new Uint8Array(0) : signPage(context, last, namespaceId, request.filter);
      return { workflows: page.map(toSummary), nextPageToken };
    },
    countWorkflows: async (request) => {
      checkText(request);
      const filter = parseFilter(request.filter, context.env.now());
      const { namespaceId } = await context.namespaces.find(request.namespace);
      return { count: BigInt(await context.store.countVisibility(namespaceId, filter)) };
    },
  };
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

function signPage(context: Context, last: VisibilityEntry, namespaceId: string, filter: string): Uint8Array {
  return signPageToken(context.tokenKey, {
    namespaceId,
    startTimeUs: BigInt(last.startedAt) * 1_000n,
    runId: last.runId,
    filterHash: hashOf(filter),
  });
}

function openPage(context: Context, bytes: Uint8Array, namespaceId: string, filter: string): VisibilityQuery['after'] {
  if (bytes.length === 0) return undefined;
  const token = openPageToken(context.tokenKey, bytes);
  if (token.namespaceId !== namespaceId || Buffer.compare(token.filterHash, hashOf(filter)) !== 0) throw badToken('page_token');
  return { startedAt: Number(token.startTimeUs / 1_000n), runId: token.runId };
}

function hashOf(filter: string): Uint8Array {
  return createHash('sha256').update(filter, 'utf8').digest().subarray(0, HASH_BYTES);
}
