/** `perdure workflow show`: the history. */
import { History, type HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { EXIT } from '../outcome.ts';
import { eventToPlain, HISTORY_HEADER, historyRow } from '../output/history.ts';
import { toPlain } from '../output/plain.ts';
import { formatTable } from '../output/table.ts';
import type { RunFlags } from './message.ts';
import { type Session, toJsonText, withSession } from './session.ts';

const WAIT_SECONDS = 60n;
const DEADLINE_MS = 70_000;
/** Width of columns while following, when the rows to come are not known. */
const EVENT_COLUMN = 24;

export function show(workflowId: string, flags: RunFlags & { readonly follow?: boolean }): Promise<number> {
  return withSession(flags, async (session) => {
    const execution = { workflowId, runId: flags.runId ?? '' };
    if (flags.follow === true) {
      for await (const page of historyPages(session, execution, true)) for (const event of page) printEvent(session, event);
      return EXIT.ok;
    }
    const events: HistoryEvent[] = [];
    for await (const page of historyPages(session, execution, false)) events.push(...page);
    if (session.output === 'table') session.print(formatTable(HISTORY_HEADER, events.map(historyRow), session));
    else if (session.output === 'json') session.printJson(events.map(eventToPlain));
    else for (const event of events) printEvent(session, event);
    return EXIT.ok;
  });
}

/** The run's events page by page; with `follow` until it has closed. Stays with the run it found first. */
async function* historyPages(
  session: Session,
  execution: { workflowId: string; runId: string },
  follow: boolean,
): AsyncGenerator<HistoryEvent[]> {
  let fromEventId = 1n;
  let run = execution;
  for (;;) {
    const page = await session.rpc.getWorkflowHistory(
      {
        namespace: session.namespace,
        execution: run,
        fromEventId,
        toEventId: 0n,
        maxBytes: 0,
        wait: follow,
        waitTimeout: { seconds: WAIT_SECONDS, nanos: 0 },
      },
      { deadlineMs: DEADLINE_MS },
    );
    run = { workflowId: execution.workflowId, runId: page.runId };
    fromEventId = page.nextEventId;
    yield History.decode(page.history).events;
    if (page.closed || (page.end && !follow)) return;
  }
}

function printEvent(session: Session, event: HistoryEvent): void {
  if (session.output !== 'table') {
    session.print(`${toJsonText(toPlain(eventToPlain(event)), 'jsonl')}\n`);
    return;
  }
  const [id = '', time = '', name = '', details = ''] = historyRow(event);
  session.print(`${id.padStart(5)}  ${time}  ${name.padEnd(EVENT_COLUMN)}  ${details}\n`);
}
