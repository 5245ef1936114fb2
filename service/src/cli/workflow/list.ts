/** `perdure workflow list` and `count`. */
import type { WorkflowSummary } from '@perdure/proto/perdure/api/v1/workflow';
import type { WorkflowGroup } from '@perdure/proto/perdure/api/v1/workflow_service';
import { numberFlag } from '../input.ts';
import { EXIT } from '../outcome.ts';
import { statusText, timeText, toPlain } from '../output/plain.ts';
import { formatTable } from '../output/table.ts';
import type { CommonFlags } from './commands.ts';
import { type Session, toJsonText, withSession } from './session.ts';

const PAGE = 1_000;

export interface ListFlags extends CommonFlags {
  readonly filter: string;
  readonly limit: string;
}

export function list(flags: ListFlags): Promise<number> {
  const limit = numberFlag('--limit', flags.limit, 1, 1_000_000);
  return withSession(flags, async (session) => {
    const found = await readPages(session, flags.filter, limit);
    if (session.output === 'json') session.printJson(found.map(flatSummary));
    else if (session.output === 'jsonl')
      for (const summary of found) session.print(`${toJsonText(toPlain(flatSummary(summary)), 'jsonl')}\n`);
    else if (found.length === 0) session.print('No workflows.\n');
    else session.print(formatTable(['STATUS', 'WORKFLOW ID', 'TYPE', 'STARTED', 'CLOSED', 'RUN ID'], found.map(row), session));
    return EXIT.ok;
  });
}

export function count(flags: CommonFlags & { readonly filter: string; readonly groupBy: string }): Promise<number> {
  return withSession(flags, async (session) => {
    const response = await session.rpc.countWorkflows({ namespace: session.namespace, filter: flags.filter, groupBy: flags.groupBy });
    const row = ({ value, count: runs }: WorkflowGroup): string[] => [String(value?.value?.value ?? '-'), String(runs)];
    if (session.output === 'table' && flags.groupBy !== '')
      session.print(formatTable([flags.groupBy.toUpperCase(), 'RUNS'], response.groups.map(row), session));
    else if (session.output === 'table') session.print(`${response.count}\n`);
    else session.printJson(response);
    return EXIT.ok;
  });
}

/** Workflow id and run id at the top, as all commands print them. */
export function flatSummary(summary: WorkflowSummary): object {
  const { execution, ...rest } = summary;
  return { workflowId: execution?.workflowId, runId: execution?.runId, ...rest };
}

/** The status with what blocks it. */
export function statusWithBlock(summary: WorkflowSummary): string {
  return summary.blockedCause === '' ? statusText(summary.status) : `${statusText(summary.status)} (blocked: ${summary.blockedCause})`;
}

async function readPages(session: Session, filter: string, limit: number): Promise<WorkflowSummary[]> {
  const found: WorkflowSummary[] = [];
  let pageToken: Uint8Array = new Uint8Array();
  do {
    const pageSize = Math.min(PAGE, limit - found.length);
    const page = await session.rpc.listWorkflows({ namespace: session.namespace, filter, pageSize, pageToken });
    found.push(...page.workflows);
    pageToken = page.nextPageToken;
  } while (pageToken.length > 0 && found.length < limit);
  return found;
}

function row(summary: WorkflowSummary): string[] {
  const { execution, workflowType, startTime, closeTime } = summary;
  return [
    statusWithBlock(summary),
    execution?.workflowId ?? '',
    workflowType,
    timeText(startTime) ?? '',
    timeText(closeTime) ?? '-',
    execution?.runId ?? '',
  ];
}
