/** What must hold of the stored runs when all is over, whatever went wrong on the way. */
import { deepStrictEqual } from 'node:assert';
import { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { DescribeWorkflowResponse } from '@perdure/proto/perdure/api/v1/workflow_service';
import { foldEvent } from '../../src/core/fold.ts';
import { decodeFrame, splitFrames } from '../../src/core/frames.ts';
import { emptyState, type RunState } from '../../src/core/state.ts';
import { buildRun } from '../../src/history/load.ts';
import { describe, toVisibility } from '../../src/history/show.ts';
import { visibilityKey } from '../../src/store/memory/database.ts';
import type { Asked, Seen } from './customers.ts';
import { judgeLeft } from './left.ts';
import { chainOf, closeOf, eventsOf, isClose, newRunOf, type StoredRun, signalsOf, storedRuns, valueOf } from './log-of.ts';
import { NAMESPACES, retentionOf } from './plan.ts';
import { judgeResult } from './results.ts';
import type { Scene } from './simulate.ts';
import { count } from './store.ts';

export type Report = (problem: string) => void;

/** Looks at everything; problems are added to the scene. */
export function judge(scene: Scene): StoredRun[] {
  const runs = storedRuns(scene.service.database);
  const byId = new Map(runs.map((run) => [run.runId, run]));
  for (const run of runs) {
    const report: Report = (problem) => void scene.wrong.push(`run ${run.runId} of ${run.workflowId}: ${problem}`);
    guarded(report, () => judgeLog(run, report));
    guarded(report, () => judgeTasks(run, report));
    guarded(report, () => judgeRows(scene, run, report));
    guarded(report, () => judgeActivities(scene, run, report));
    guarded(report, () => judgeTimers(scene, run, report));
    guarded(report, () => judgeResult(scene.ledger, chainOf(runs, run), run, report));
    guarded(report, () => {
      const left = judgeLeft(runs, run, report);
      if (left > 0) count(scene, newRunOf(run) === '' ? 'children left' : 'children left in a chain');
    });
    guarded(report, () => judgeChain(scene, chainOf(runs, run), run, report));
  }
  for (const asked of scene.records.asked) {
    const report: Report = (problem) =>
      void scene.wrong.push(`${asked.kind} ${asked.value} of ${asked.workflowId}, told ${asked.told}: ${problem}`);
    guarded(report, () => judgeAsked(scene, asked, runs, byId.get(asked.runId), report));
  }
  for (const [at, seen] of scene.records.seen.entries()) {
    const report: Report = (problem) =>
      void scene.wrong.push(`${seen.kind} of run ${seen.runId} seen at ${seen.at.toFixed(3)}: ${problem}`);
    guarded(report, () => judgeSeen(scene, seen, at, { runs, run: byId.get(seen.runId) }, report));
  }
  return runs;
}

function guarded(report: Report, body: () => void): void {
  try {
    body();
  } catch (error) {
    report(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

/** The code's clock never goes back, nor ahead of the service's; each task has seen more than the one before. */
function judgeTasks(run: StoredRun, report: Report): void {
  let last = { seen: 0, started: 0 };
  for (const { id, time, value } of eventsOf(run, 'workflowTaskCompleted')) {
    const { startedTime, seenEventId } = value;
    const task = { seen: Number(seenEventId), started: Number(startedTime?.seconds) * 1_000 + (startedTime?.nanos ?? 0) / 1e6 };
    if (task.started < last.started) report(`the code's clock went back by ${last.started - task.started} ms at event ${id}`);
    if (task.started > time) report(`the code's clock was ${task.started - time} ms ahead at event ${id}`);
    if (task.seen < last.seen || task.seen >= id)
      report(`the task of event ${id} had seen event ${task.seen}, the one before ${last.seen}`);
    last = task;
  }
}

/** Ids without gap, times that never go back, nothing after the close. */
function judgeLog({ events, row }: StoredRun, report: Report): void {
  let time = 0;
  for (const [index, event] of events.entries()) {
    if (Number(event.id) !== index + 1) report(`event ${event.id} at place ${index + 1}`);
    const at = Number(event.time?.seconds) * 1_000 + (event.time?.nanos ?? 0) / 1e6;
    if (at < time) report(`the time of event ${event.id} is before that of the event before it`);
    time = at;
  }
  const closes = events.filter(({ attributes }) => attributes !== undefined && isClose(attributes.$case));
  if (closes.length > 1) report(`closed ${closes.length} times`);
  if (closes[0] !== undefined && closes[0] !== events.at(-1)) report('events after its close');
  if ((closes.length === 1) !== (row.closedAt !== null))
    report(`closed by its log: ${closes.length === 1}, by its row: ${row.closedAt !== null}`);
}

/** Nothing is missing but rows of marks behind a checkpoint, and the checkpoint makes up for them; the rows agree with the fold of the log. */
function judgeRows({ service, plan, commits, counts }: Scene, run: StoredRun, report: Report): void {
  const { row } = run;
  const written = commits.get(run.runId)?.rows ?? [];
  written.forEach((each, index) => {
    if (each.seq !== index + 1) report(`row ${each.seq} at place ${index + 1}`);
  });
  const checkpointSeq = row.checkpoint === undefined ? 0 : (row.checkpointSeq ?? 0);
  const stored = new Map(run.rows.map((each) => [each.seq, each]));
  for (const each of written) {
    if (stored.get(each.seq) !== each && (each.seq > checkpointSeq || each.eventCount > 0))
      report(`row ${each.seq} is not as it was written`);
  }
  if (checkpointSeq > 0) count({ counts }, 'checkpoints');
  const rows = run.rows.filter(({ seq }) => seq > checkpointSeq);
  const folded = buildRun({ key: row.key, execution: row, rows }, 0, 0);
  const whole = buildRun({ key: row.key, execution: { ...row, checkpoint: undefined }, rows: written }, 0, 0);
  if (folded === undefined || whole === undefined) return report('its log holds nothing');
  if (checkpointSeq > 0) deepStrictEqual(comparable(folded.state), comparable(whole.state));
  const { state } = whole;
  if (state.status !== row.status) report(`status ${row.status} in its row, ${state.status} by its log`);
  if (row.lastSeq > (run.rows.at(-1)?.seq ?? 0)) report(`its row names log row ${row.lastSeq}, the log ends before`);
  const listed = service.database.visibility.get(visibilityKey(row.key.namespaceId, run.runId));
  const shown = toVisibility(state, { memo: true, attributes: true });
  if (listed === undefined) return report('not listed');
  const { type, status, startedAt, closedAt, taskQueue } = listed;
  deepStrictEqual({ type, status, startedAt, closedAt, taskQueue }, pick(shown));
  if (closedAt === null) return;
  const retention = retentionOf(
    plan,
    NAMESPACES.findIndex(({ namespaceId }) => namespaceId === row.key.namespaceId),
  );
  if (listed.historyLength !== run.events.length) report(`listed with ${listed.historyLength} events, it has ${run.events.length}`);
  if (row.wakeAt === null || row.wakeAt < closedAt + 0.94 * retention) report(`closed, and to be purged at ${row.wakeAt}`);
}

/**
 * A copy, since bytes of a checkpoint and of the log differ in their class. Left out is what no log tells (R-LOG-5): that a worker
 * is not asked again, and task failures but the 1st, 2nd, 4th, 8th …
 */
function comparable({ task, ...state }: RunState): object {
  const { stickyWorkerId: _sticky, failure: _failure, cause: _cause, failedAt: _failedAt, ...rest } = task;
  return structuredClone({ ...state, live: undefined, task: rest });
}

function pick({ type, status, startedAt, closedAt, taskQueue }: ReturnType<typeof toVisibility>): object {
  return { type, status, startedAt, closedAt, taskQueue };
}

/** A run that is followed names the next, which was stored with its close, starts no earlier than 1 s after it, and has what nobody had seen. */
function judgeChain({ commits, counts }: Scene, chain: readonly StoredRun[], run: StoredRun, report: Report): void {
  const nextId = newRunOf(run);
  if (nextId === '') return;
  count({ counts }, 'chained');
  const next = chain.find(({ runId }) => runId === nextId);
  if (next === undefined) return report(`the run that follows, ${nextId}, is not stored`);
  const [closed, begun] = [commits.get(run.runId)?.closedAt, commits.get(nextId)?.firstAt];
  if (closed !== begun) report(`closed at ${closed}, the next run began at ${begun}`);
  const beginOf = (each: StoredRun): number => {
    const [start] = eventsOf(each, 'workflowStarted');
    const { seconds = 0n, nanos = 0 } = start?.value.startDelay ?? {};
    return (start?.time ?? 0) + Number(seconds) * 1_000 + nanos / 1e6;
  };
  if (beginOf(next) < beginOf(run) + 1_000) report(`the next run begins ${beginOf(next) - beginOf(run)} ms after this one`);
  const seen = Number(eventsOf(run, 'workflowTaskCompleted').at(-1)?.value.seenEventId ?? 0n);
  const moved = new Set(eventsOf(next, 'workflowSignaled').map(({ value }) => value.requestId));
  const unseen = eventsOf(run, 'workflowSignaled').filter(({ id }) => id > seen);
  if (unseen.length > 0) count({ counts }, 'moved signals');
  if (closeOf(run) === 'workflowContinuedAsNew' && eventsOf(run, 'workflowContinuedAsNew')[0]?.value.carry.length)
    count({ counts }, 'carried');
  for (const { id, value } of unseen) if (!moved.has(value.requestId)) report(`event ${id}, which nobody had seen, did not move along`);
}

/** No attempt runs more often than its policy says, and each result was made by an execution and counts once. */
function judgeActivities({ ledger, plan }: Scene, run: StoredRun, report: Report): void {
  const executions = ledger.filter((each) => each.runId === run.runId);
  const namespace = NAMESPACES.find(({ namespaceId }) => namespaceId === run.row.key.namespaceId)?.name;
  for (const each of executions) if (each.namespace !== namespace) report(`a worker of namespace ${each.namespace} ran its activity`);
  const scheduled = eventsOf(run, 'activityScheduled');
  const ends = new Map<number, number>();
  for (const kind of ['activityCompleted', 'activityFailed', 'activityTimedOut', 'activityCanceled'] as const) {
    for (const { value } of eventsOf(run, kind)) ends.set(value.number, (ends.get(value.number) ?? 0) + 1);
  }
  for (const { value } of scheduled) {
    const own = executions.filter((each) => each.activityId === value.activityId);
    const most = value.retryPolicy?.maximumAttempts ?? 0;
    if (own.some((each) => most > 0 && each.attempt > most))
      report(`activity ${value.number} ran attempt ${own.at(-1)?.attempt} of ${most}`);
    const last = own.filter((each) => each.attempt === most).length;
    if (last > 1) report(`the last attempt of activity ${value.number} ran ${last} times`);
    // Workers that live on must not be taken for dead because the service was away.
    const given = value.activityType === 'beat' && plan.gentle ? own.filter((each) => each.attempt === 1).length : 0;
    if (given > 0 && own.some((each) => each.attempt > 1)) report(`activity ${value.number} was tried again while its worker was at it`);
    if ((ends.get(value.number) ?? 0) > 1) report(`activity ${value.number} ended ${ends.get(value.number)} times`);
  }
  for (const { value } of eventsOf(run, 'activityCompleted')) {
    const { activityId } = scheduled.find((each) => each.value.number === value.number)?.value ?? { activityId: '' };
    if (!executions.some((each) => each.activityId === activityId && each.attempt === value.attempt))
      report(`activity ${value.number} completed by attempt ${value.attempt}, which nobody ran`);
  }
  for (const each of executions)
    if (!scheduled.some(({ value }) => value.activityId === each.activityId)) report(`activity ${each.activityId} ran unscheduled`);
}

/** No timer fires early; without faults none fires late. */
function judgeTimers({ plan }: Scene, run: StoredRun, report: Report): void {
  const started = eventsOf(run, 'timerStarted');
  for (const fired of eventsOf(run, 'timerFired')) {
    const own = started.find(({ value }) => value.number === fired.value.number);
    if (own === undefined) return report(`timer ${fired.value.number} fired unstarted`);
    const due = own.time + Number(own.value.duration?.seconds ?? 0n) * 1_000 + (own.value.duration?.nanos ?? 0) / 1e6;
    if (fired.time < due) report(`timer ${fired.value.number} fired ${due - fired.time} ms early`);
    if (plan.calm && fired.time > due + 2_000) report(`timer ${fired.value.number} fired ${fired.time - due} ms late`);
  }
}

/** What a client was told happened, exactly once; what it was refused did not; else at most once. */
function judgeAsked(scene: Scene, asked: Asked, runs: readonly StoredRun[], run: StoredRun | undefined, report: Report): void {
  const { told } = asked;
  if (asked.kind === 'start') return judgeStart(scene, asked, runs, run, report);
  if (run === undefined) return report('its run is gone');
  if (asked.kind === 'signal') {
    const found = signalsOf(chainOf(runs, run), 'add').filter((value) => value === asked.value).length;
    const right = told === 'ok' ? found === 1 : told === 'refused' ? found === 0 : found <= 1;
    if (!right) report(`recorded ${found} times`);
    return;
  }
  const chain = chainOf(runs, run);
  const closedAt = scene.commits.get(chain.at(-1)?.runId ?? '')?.closedAt ?? Number.POSITIVE_INFINITY;
  if (asked.kind === 'cancel') {
    const found = chain.map((each) => eventsOf(each, 'workflowCancelRequested').length);
    if (Math.max(...found) > 1) report(`recorded ${found} times`);
    if (told === 'ok' && Math.max(...found) === 0 && closedAt > asked.toldAt) report('not recorded');
    return;
  }
  const ends = chain.flatMap((each) => eventsOf(each, 'workflowTerminated'));
  if (told === 'ok' && ends[0]?.value.reason !== `reason ${asked.value}`) report('did not end the run');
}

function judgeStart(scene: Scene, asked: Asked, runs: readonly StoredRun[], run: StoredRun | undefined, report: Report): void {
  const own = runs.filter(
    (each) => each.row.key.namespaceId === asked.namespaceId && eventsOf(each, 'workflowStarted')[0]?.value.requestId === asked.requestId,
  );
  if (own.length > 1) return report(`started ${own.length} runs`);
  const same = scene.records.asked.filter(
    (each) => each.requestId === asked.requestId && each.namespaceId === asked.namespaceId && each.kind === 'start',
  );
  const certain = scene.plan.rpc.repeated === 0 && same.every((each) => each.told === 'refused');
  if (certain && own.length > 0) report('started a run all the same');
  if (asked.told !== 'ok') return;
  if (run === undefined) return report(`the answered run ${asked.runId} is not stored`);
  if (run.workflowId !== asked.workflowId || run.row.key.namespaceId !== asked.namespaceId)
    report(`the answered run is one of ${run.workflowId} in namespace ${run.row.key.namespaceId}`);
  const first = scene.commits.get(run.runId)?.firstAt ?? Number.POSITIVE_INFINITY;
  if (first > asked.toldAt) report(`answered before the run was stored (${first})`);
  // A copy of the request that comes late may start what the first one found taken.
  const certainly = scene.plan.rpc.repeated === 0 && same.every((each) => each.told === 'ok' && each.runId !== own[0]?.runId);
  if (certainly && own[0] !== undefined) report(`answered with ${run.runId}, but ${own[0].runId} was started`);
}

/** Reads show what was committed, and never go back. */
function judgeSeen(
  scene: Scene,
  seen: Seen,
  at: number,
  { runs, run }: { runs: readonly StoredRun[]; run: StoredRun | undefined },
  report: Report,
): void {
  if (run === undefined) return report('its run is gone');
  const commits = scene.commits.get(run.runId);
  const most = commits?.lengths.findLast((each) => each.at <= seen.at)?.events ?? 0;
  const length = seen.kind === 'history' ? (seen.events?.length ?? 0) : seen.historyLength;
  if (length !== undefined) {
    if (length > most) report(`${length} events, of which only ${most} were committed`);
    for (const earlier of scene.records.seen.slice(0, at)) {
      const before = earlier.kind === 'history' ? earlier.events?.length : earlier.historyLength;
      if (earlier.runId === seen.runId && earlier.at <= seen.askedAt && before !== undefined && before > length)
        report(`${length} events, after ${before} had been seen`);
    }
  }
  if (seen.kind === 'history') {
    const encode = (event: HistoryEvent): string => Buffer.from(HistoryEvent.encode(event).finish()).toString('base64');
    seen.events?.forEach((event, index) => {
      if (run.events[index] === undefined || encode(event) !== encode(run.events[index])) report(`event ${index + 1} is another one now`);
    });
  }
  if (seen.described !== undefined) judgeDescribed(run, seen.described, report);
  if (seen.kind === 'values') judgeQuery(scene, seen, run, report);
  if (seen.kind === 'result') {
    const last = chainOf(runs, run).at(-1) ?? run;
    const close = closeOf(last);
    if (seen.failed !== undefined) {
      if (close !== `workflow${seen.failed}`) report(`told ${seen.failed}, but ${close}`);
    } else deepStrictEqual(seen.result, valueOf(eventsOf(last, 'workflowCompleted')[0]?.value.result));
    if ((scene.commits.get(last.runId)?.closedAt ?? Number.POSITIVE_INFINITY) > seen.at) report('told before its close was committed');
  }
}

/** What the owner's memory showed is the fold of the log as it was then. */
function judgeDescribed(run: StoredRun, described: DescribeWorkflowResponse, report: Report): void {
  const { namespaceId, workflowId, runId } = run.row.key;
  const state = emptyState({ namespaceId, workflowId, runId }, 0);
  const length = Number(described.summary?.historyLength ?? 0n);
  let bytes = 0;
  for (const frame of splitFrames(run.bytes).slice(0, length)) {
    foldEvent(state, decodeFrame(frame), frame.length);
    bytes += frame.length;
  }
  if (Number(described.historyBytes) !== bytes) report(`${described.historyBytes} bytes described, ${bytes} stored`);
  const shown = describe(state, 0, []);
  const facts = ({ pendingActivities, pendingTimers, cancelRequested, summary }: DescribeWorkflowResponse): object => ({
    pendingActivities: pendingActivities.map(({ activityId, activityType }) => [activityId, activityType]),
    pendingTimers,
    cancelRequested,
    status: summary?.status,
    closeTime: summary?.closeTime,
    memo: Object.entries(summary?.memo ?? {}).map(([key, payload]) => [key, valueOf(payload)]),
  });
  deepStrictEqual(facts(described), facts(shown));
}

/** Signals acknowledged before the question are in the answer, those sent after it are not. Closed runs answer as of their last task. */
function judgeQuery({ records, commits }: Scene, seen: Seen, run: StoredRun, report: Report): void {
  const signals = records.asked.filter((each) => each.kind === 'signal' && each.runId === seen.runId);
  const closed = (commits.get(seen.runId)?.closedAt ?? Number.POSITIVE_INFINITY) <= seen.at;
  const last = closed ? Number(eventsOf(run, 'workflowTaskCompleted').at(-1)?.value.seenEventId ?? 0n) : Number.POSITIVE_INFINITY;
  for (const { value, told, toldAt, askedAt } of signals) {
    const shown = seen.values?.includes(value) === true;
    const id = eventsOf(run, 'workflowSignaled').find((each) => valueOf(each.value.input[0]) === value)?.id ?? 0;
    if (!shown && told === 'ok' && toldAt <= seen.askedAt && id <= last) report(`the answer lacks ${value}`);
    if (shown && askedAt > seen.at) report(`the answer has ${value} before it was sent`);
  }
}
