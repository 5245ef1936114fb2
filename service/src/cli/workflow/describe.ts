/** `perdure workflow describe`. */
import type { PausedInfo } from '@perdure/proto/perdure/api/v1/pause';
import type { DescribeWorkflowResponse } from '@perdure/proto/perdure/api/v1/workflow_service';
import { CommandError, EXIT } from '../outcome.ts';
import { durationText, payloadToPlain, searchAttributesToPlain, timeText, toPlain } from '../output/plain.ts';
import { formatFields, formatTable, type TableOptions } from '../output/table.ts';
import { failureText } from './failure.ts';
import { flatSummary, statusWithBlock } from './list.ts';
import type { RunFlags } from './message.ts';
import { shortJson, withSession } from './session.ts';

export function describe(workflowId: string, flags: RunFlags): Promise<number> {
  return withSession(flags, async (session) => {
    const response = await session.rpc.describeWorkflow({
      namespace: session.namespace,
      execution: { workflowId, runId: flags.runId ?? '' },
    });
    const { summary, ...rest } = response;
    if (summary === undefined) throw new CommandError('the service answered without a summary');
    if (session.output === 'table') session.print(describeText(response, session));
    else session.printJson({ ...flatSummary(summary), ...rest });
    return EXIT.ok;
  });
}

/** The answer as fields and tables for people. */
export function describeText(response: DescribeWorkflowResponse, options: TableOptions): string {
  const sections = [formatFields(headFields(response)), ...tables(response, options)];
  return sections.filter((section) => section !== '').join('\n');
}

function headFields(response: DescribeWorkflowResponse): [string, string | undefined][] {
  const { summary, blocked, forked, paused, pendingWorkflowTask: task } = response;
  if (summary === undefined) return [];
  const filled = (record: unknown): string | undefined => (Object.keys(record as object).length === 0 ? undefined : shortJson(record));
  const unlessZero = (text: string | null): string | undefined => (text === null || text === '0s' ? undefined : text);
  return [
    ['workflow id', summary.execution?.workflowId],
    ['run id', summary.execution?.runId],
    ['type', summary.workflowType],
    ['task queue', summary.taskQueue],
    ['status', statusWithBlock(summary)],
    ['started', timeText(summary.startTime) ?? undefined],
    ['closed', timeText(summary.closeTime) ?? undefined],
    ['history', `${summary.historyLength} events, ${response.historyBytes} bytes`],
    ['run timeout', unlessZero(durationText(response.runTimeout))],
    ['execution timeout', unlessZero(durationText(response.executionTimeout))],
    ['first run', response.firstRunId === summary.execution?.runId ? undefined : response.firstRunId],
    ['continues run', response.continuedFromRunId || undefined],
    ['next run', response.newRunId || undefined],
    ['attempt', response.retryPolicy === undefined ? undefined : String(response.attempt)],
    ['cron', response.cronSchedule || undefined],
    ['parent', response.parent === undefined ? undefined : `${response.parent.workflowId} (run ${response.parent.runId})`],
    ['cancel requested', response.cancelRequested ? 'yes' : undefined],
    ['memo', filled(summary.memo)],
    ['search attributes', filled(searchAttributesToPlain(summary.searchAttributes))],
    [
      'workflow task',
      task === undefined ? undefined : `${task.started ? `with ${task.workerIdentity}` : 'waiting'}, attempt ${task.attempt}`,
    ],
    ['blocked by', blocked?.failure === undefined ? undefined : failureText(blocked.failure)],
    [
      'forked',
      forked === undefined
        ? undefined
        : `at event ${forked.eventId} from run ${forked.baseRunId}${forked.reason === '' ? '' : `: ${forked.reason}`}`,
    ],
    ['paused', paused === undefined ? undefined : pausedText(paused)],
    ['blocked since', timeText(blocked?.since) ?? undefined],
    ...response.notes.map((note): [string, string] => ['note', note]),
  ];
}

function pausedText({ since, identity, reason }: PausedInfo): string {
  return `since ${timeText(since)}${identity === '' ? '' : ` by ${identity}`}${reason === '' ? '' : `: ${reason}`}`;
}

function tables(response: DescribeWorkflowResponse, options: TableOptions): string[] {
  const { variables, pendingActivities, pendingTimers, pendingChildren, pendingExternals } = response;
  const table = (header: string[], rows: string[][]): string => (rows.length === 0 ? '' : formatTable(header, rows, options));
  return [
    table(
      ['VARIABLE', 'VALUE'],
      Object.entries(variables)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, payload]) => [name, JSON.stringify(payloadToPlain(payload))]),
    ),
    table(
      ['ACTIVITY', 'TYPE', 'STATE', 'ATTEMPT', 'FAILURES', 'NEXT ATTEMPT', 'LAST HEARTBEAT', 'LAST WORKER', 'LAST FAILURE'],
      pendingActivities.map((activity) => [
        activity.activityId,
        activity.activityType,
        String(toPlain(activity.state, 'state')),
        String(activity.attempt),
        String(activity.failureCount),
        timeText(activity.nextAttemptTime) ?? '-',
        timeText(activity.lastHeartbeatTime) ?? '-',
        activity.lastWorkerIdentity || '-',
        activity.failures.length === 0 ? '-' : failureText(activity.failures.at(-1)?.failure),
      ]),
    ),
    table(
      ['TIMER', 'DUE'],
      pendingTimers.map((timer) => [String(timer.number), new Date(Number(timer.dueTimeMs)).toISOString()]),
    ),
    table(
      ['CHILD', 'TYPE', 'WORKFLOW ID', 'FIRST RUN', 'AT PARENT CLOSE'],
      pendingChildren.map((child) => [
        `${child.number}${child.cancelRequested ? ' (cancel requested)' : ''}`,
        child.workflowType,
        child.workflowId,
        child.runId || '(starting)',
        String(toPlain(child.parentClosePolicy, 'parentClosePolicy')),
      ]),
    ),
    table(
      ['REQUEST', 'WHAT', 'WORKFLOW ID'],
      pendingExternals.map(({ number, signalName, target }) => [
        String(number),
        signalName === '' ? 'cancel' : `signal ${signalName}`,
        target?.workflowId ?? '',
      ]),
    ),
  ];
}
