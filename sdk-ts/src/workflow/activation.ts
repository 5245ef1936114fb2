// Drives one task of one run: replays the blocks of the log, then runs the live activation, in the phases every SDK must keep.
//
// `advance` works until promise reactions have to run and answers 'drain'; the host returns from the entry, which runs them, and calls again.

import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { WorkflowQuery } from '@perdure/proto/perdure/api/v1/task';
import type { UpdateRequest } from '@perdure/proto/perdure/api/v1/update';
import { timestampToMs } from '../common/duration.ts';
import { headersOf, intercepted } from '../common/interceptor.ts';
import { decodeValues } from '../common/payload-converter.ts';
import { EVENT_RULES } from './concepts.ts';
import { sweepConditions, tryConditions } from './condition.ts';
import { fail } from './handler.ts';
import type { ExecuteInput, WorkflowInterceptors } from './interceptor.ts';
import { type Block, type CompareOptions, compareBlock, patchOf } from './replay.ts';
import type { EventRule } from './rules.ts';
import { type ArrivedUpdate, DYNAMIC, type EventAttributes, getHost, type Run, type UserModule } from './run.ts';
import { deliverUpdate, rejectWaiting, siftUpdates } from './update.ts';
import { closingCommand } from './workflow.ts';

type AnyFunction = (...args: unknown[]) => unknown;
type Phase = 'begin' | 'inputs' | 'settle' | 'results' | 'end';

/** A task but for its history. Ids are those of events. */
export interface ActivationTask {
  readonly workflowType: string;
  readonly baseEventId: bigint;
  readonly seenEventId: bigint;
  readonly startedMs: number;
  /** The first event that comes with the task. */
  readonly historyFrom: bigint;
  readonly historyBytes: number;
  readonly continueAsNewSuggested: boolean;
  readonly queryOnly: boolean;
  readonly queries: readonly WorkflowQuery[];
  readonly updates: readonly UpdateRequest[];
  /** 1 unless earlier ones failed. */
  readonly attempt: number;
}

/** Work on one task. */
export interface Session {
  readonly run: Run;
  readonly task: ActivationTask;
  readonly blocks: readonly Block[];
  /** Inputs and results, in the order of the log. */
  readonly events: readonly HistoryEvent[];
  readonly heads: HistoryEvent[] | undefined;
  readonly compare: CompareOptions;
  /** Evaluates the user's module for this run. */
  instantiate(run: Run): UserModule;
  phase: Phase;
  /** What follows the settling in progress. */
  next: 'results' | 'end';
  nextBlock: number;
  nextEvent: number;
  /** Events before this position belong to the activation in progress. */
  until: number;
  cursor: number;
  /** The cursor from which on conditions before it are swept. */
  sweepFrom: number;
  woke: boolean;
  live: boolean;
  /** Of the activation in progress. */
  updates: readonly ArrivedUpdate[];
}

/** 'drain': run promise reactions, then call again. 'block': the same, and other runs may go first. 'done': at rest after the last activation. */
export type Progress = 'drain' | 'block' | 'done';

/** Blocks replayed in one go: then others may go first, and the watchdog sees that it goes on. */
const SLICE = 8;
/** Conditions passed in one pass of settling before those that have ended are forgotten: code may await new ones for ever. */
const SWEEP_FROM = 1024;

export interface Sorted {
  readonly started: HistoryEvent | undefined;
  readonly blocks: Block[];
  readonly events: HistoryEvent[];
  /** What is taken before an activation begins; few runs have any. */
  readonly heads: HistoryEvent[] | undefined;
}

/** Sorts a history into blocks and what is delivered. Throws on an event this SDK does not know. */
export function sortHistory(history: readonly HistoryEvent[]): Sorted {
  let started: HistoryEvent | undefined;
  const blocks: Block[] = [];
  const events: HistoryEvent[] = [];
  let heads: HistoryEvent[] | undefined;
  for (const event of history) {
    const { attributes } = event;
    if (attributes === undefined) throw new Error(`event ${event.id} is of a kind this version of the SDK does not know`);
    const rule = EVENT_RULES[attributes.$case] as EventRule<unknown>;
    const { role } = rule;
    if (role === 'input' || role === 'result') events.push(event);
    else if (role === 'head') heads = [...(heads ?? []), event];
    else if (rule.role === 'command') {
      // What the service wrote by itself looks the same, but names another completion.
      const block = blocks.at(-1);
      if (block === undefined || rule.completedEventId(attributes.value) !== block.eventId) continue;
      const list = patchOf(event) === undefined ? block.commands : block.patches;
      (list as HistoryEvent[]).push(event);
    } else if (role === 'start') started = event;
    else if (attributes.$case === 'workflowTaskCompleted')
      blocks.push({ eventId: event.id, task: attributes.value, commands: [], patches: [] });
  }
  return { started, blocks, events, heads };
}

export function createSession(
  run: Run,
  task: ActivationTask,
  sorted: Pick<Sorted, 'blocks' | 'events' | 'heads'>,
  compare: CompareOptions,
  instantiate: (run: Run) => UserModule,
): Session {
  return {
    run,
    task,
    blocks: sorted.blocks,
    events: sorted.events,
    heads: sorted.heads,
    compare,
    instantiate,
    phase: 'begin',
    next: 'results',
    nextBlock: 0,
    nextEvent: 0,
    until: 0,
    cursor: 0,
    sweepFrom: SWEEP_FROM,
    woke: false,
    live: false,
    updates: NO_UPDATES,
  };
}

/** Works until promise reactions are due. Throws what fails the task. */
export function advance(session: Session): Progress {
  for (;;) {
    const progress = PHASES[session.phase](session);
    if (progress !== undefined) return progress;
  }
}

const PHASES: Record<Phase, (session: Session) => Progress | undefined> = { begin, inputs, settle, results, end };

/** Takes the next block, or the live activation, or ends. */
function begin(session: Session): Progress | undefined {
  const { run, task } = session;
  const block = session.blocks[session.nextBlock];
  // A query-only task applies nothing after the last block.
  if (block === undefined && (session.live || task.queryOnly || run.closed)) return rest(run);
  const facts = block?.task ?? task;
  session.live = block === undefined;
  run.replaying = !session.live;
  run.commands = [];
  session.until = session.nextEvent;
  while (session.until < session.events.length && (session.events[session.until] as HistoryEvent).id <= facts.seenEventId)
    session.until += 1;
  session.updates = block === undefined ? arrived(session) : acceptedIn(block);
  // All that came was rejected: there is no activation, nor will the log know of one.
  if (block === undefined && task.updates.length > 0 && session.updates.length === 0) return rest(run);
  run.readOnly = undefined;
  run.random = run.stream;
  run.now = block === undefined ? task.startedMs : timestampToMs(block.task.startedTime);
  run.block = block;
  run.blockPatches = block === undefined || block.patches.length === 0 ? NO_PATCHES : new Set(block.patches.map(patchIdOf));
  run.seenEventId = facts.seenEventId;
  run.historyBytes = Number(facts.historyBytes);
  run.continueAsNewSuggested = facts.continueAsNewSuggested;
  if (block !== undefined) for (const flag of block.task.newFlags) run.flags.add(flag);
  if (session.heads !== undefined) takeHeads(run, session.heads, facts.seenEventId);
  session.phase = 'inputs';
  return undefined;
}

const NO_PATCHES: ReadonlySet<string> = new Set();

function patchIdOf(event: HistoryEvent): string {
  return patchOf(event)?.patchId ?? '';
}

const NO_UPDATES: readonly ArrivedUpdate[] = [];

/** The updates of the live task. When it brings nothing else, those it rejects must not move the run. */
function arrived({ run, task, heads, nextEvent, until }: Session): readonly ArrivedUpdate[] {
  if (task.updates.length === 0) return NO_UPDATES;
  // The start of the run and a fork are no deliveries, but what their activation is for: main sets the handlers that are to be asked.
  const isNews = until > nextEvent || run.module === undefined || heads?.[0] !== undefined;
  // After a failed attempt the log gets the task's event in any case, and with it an activation.
  if (!isNews && task.attempt <= 1) return siftUpdates(run, task.updates);
  return task.updates.map((request) => ({ request, validate: true }));
}

/** On replay, the updates that the block has accepted, in that order. */
function acceptedIn(block: Block): readonly ArrivedUpdate[] {
  let updates: ArrivedUpdate[] | undefined;
  for (const { attributes } of block.commands) {
    if (attributes?.$case !== 'updateAccepted' || attributes.value.request === undefined) continue;
    updates ??= [];
    updates.push({ request: attributes.value.request, validate: false });
  }
  return updates ?? NO_UPDATES;
}

/** Signals and cancel requests, then updates, one after the other, no reactions in between; in the first activation main is called last. */
function inputs(session: Session): Progress | undefined {
  const { run } = session;
  const first = run.module === undefined;
  if (first) run.module = session.instantiate(run);
  const delivered = deliver(session, 'input');
  for (const update of session.updates) deliverUpdate(run, update);
  if (first) startMain(run);
  settleThen(session, 'results');
  return first || delivered || session.updates.length > 0 ? 'drain' : undefined;
}

function settleThen(session: Session, next: 'results' | 'end'): void {
  session.phase = 'settle';
  session.next = next;
  session.cursor = 0;
  session.woke = false;
}

/** Tries the conditions until a whole pass wakes none; reactions run after each that wakes. */
function settle(session: Session): Progress | undefined {
  const at = tryConditions(session.run, session.cursor);
  if (at >= 0) {
    session.cursor = at;
    if (at >= session.sweepFrom) {
      session.cursor = sweepConditions(session.run, at);
      // Never more work than steps were made since the last time.
      session.sweepFrom = 2 * session.cursor + SWEEP_FROM;
    }
    session.woke = true;
    return 'drain';
  }
  sweepConditions(session.run, session.cursor);
  session.sweepFrom = SWEEP_FROM;
  if (session.woke) {
    session.woke = false;
    session.cursor = 0;
  } else {
    session.phase = session.next;
  }
  return undefined;
}

/** All other events, resolved in one entry. */
function results(session: Session): Progress | undefined {
  const delivered = deliver(session, 'result');
  session.nextEvent = session.until;
  settleThen(session, 'end');
  return delivered ? 'drain' : undefined;
}

/** Nothing can run any more: main's outcome becomes the last command; a replayed block is compared. */
function end(session: Session): Progress | undefined {
  const { run } = session;
  rejectWaiting(run);
  // What the code made of it says less.
  if (run.mismatch) compareBlock(run, session.blocks[session.nextBlock] as Block, session.compare);
  const closing = closingCommand(run);
  if (closing !== undefined) {
    run.commands.push({ attributes: closing, site: undefined });
    run.closed = true;
  }
  session.phase = 'begin';
  if (session.live) return rest(run);
  compareBlock(run, session.blocks[session.nextBlock] as Block, session.compare);
  run.changedVariables.clear();
  session.nextBlock += 1;
  return session.nextBlock % SLICE === 0 ? 'block' : undefined;
}

/** From here to the next activation nothing may change the run, nor move its random stream: what a query leaves behind is not in the log. */
function rest(run: Run): Progress {
  run.readOnly = 'what a query has left behind';
  run.random = [...run.stream];
  return 'done';
}

function takeHeads(run: Run, heads: HistoryEvent[], seen: bigint): void {
  for (let head = heads[0]; head !== undefined && head.id <= seen; head = heads[0]) {
    const { $case, value } = head.attributes as EventAttributes;
    const rule = EVENT_RULES[$case] as EventRule<unknown>;
    if (rule.role === 'head') rule.deliver(run, value);
    heads.shift();
  }
}

function deliver(session: Session, role: 'input' | 'result'): boolean {
  let any = false;
  for (let at = session.nextEvent; at < session.until; at += 1) {
    const { attributes, id } = session.events[at] as HistoryEvent;
    const { $case, value } = attributes as EventAttributes;
    const rule = EVENT_RULES[$case] as EventRule<unknown>;
    if (rule.role !== role) continue;
    rule.deliver(session.run, value, id);
    any = true;
  }
  return any;
}

function startMain(run: Run): void {
  const { workflowType, input } = run.started;
  const main = mainOf(run.module as UserModule, workflowType);
  const args = decodeValues(run.converter, input, `workflow ${workflowType}`);
  // An async wrapper: main may be an ordinary function, and may throw at once.
  const call = async (): Promise<unknown> => await (run.interceptors === undefined ? main(...args) : executeIntercepted(run, main, args));
  getHost()
    .runInScope(run.root, call)
    .then(
      (value) => {
        if (run.outcome === undefined) run.outcome = { kind: 'completed', value };
      },
      (error: unknown) => fail(run, error),
    );
}

/** The function of the type, or the file's default one for all types. */
function mainOf(module: UserModule, workflowType: string): AnyFunction {
  const own = Object.hasOwn(module, workflowType) ? module[workflowType] : undefined;
  return (typeof own === 'function' ? own : module[DYNAMIC]) as AnyFunction;
}

function executeIntercepted(run: Run, main: AnyFunction, args: readonly unknown[]): Promise<unknown> {
  const execute = intercepted<WorkflowInterceptors, ExecuteInput, Promise<unknown>>(
    run.interceptors,
    ({ inbound }) => inbound?.execute?.bind(inbound),
    async (input) => await main(...input.args),
  );
  return execute({ args, headers: headersOf(run.started.header) });
}
