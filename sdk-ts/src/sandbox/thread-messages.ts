// What the main thread and the threads that run workflow code say to each other: batches both ways.

import type { LogLevel, WorkflowBundle } from '../worker/engine.ts';
import type { CoreAnswer, TaskFacts } from './core.ts';

/** Given to a thread when it starts. */
export interface ThreadSettings {
  readonly bundle: WorkflowBundle;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly buildId?: string;
  readonly cacheBytes?: number;
  readonly failureTypes?: Readonly<Record<string, readonly string[]>>;
  readonly strict?: boolean;
  /** Only for the thread of suspects. */
  readonly entryTimeoutMs?: number;
  /** Shared: [number of the last entry, id of the task in it or 0]. */
  readonly progress: Int32Array;
}

export interface TaskMessage {
  readonly id: number;
  readonly facts: TaskFacts;
  readonly bytes: Uint8Array;
}

/** A message as it travels: the engine copies a list of plain values and one array much faster than a tree of objects. */
export interface Packed {
  readonly list: readonly Value[];
  /** All byte arrays, one after the other. Its memory moves to the receiver. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

type Value = string | number | boolean;

/** In the order in which they were asked for. */
export type Request =
  | { readonly kind: 'task'; readonly task: TaskMessage }
  | { readonly kind: 'committed'; readonly runId: string; readonly completedEventId: bigint; readonly closed: boolean }
  | { readonly kind: 'evict'; readonly runId: string };

export interface LogMessage {
  readonly level: LogLevel | 'metric';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Everything a thread has to say since it spoke last. */
export interface ThreadReport {
  /** First report only. */
  readonly workflowTypes?: readonly string[];
  /** The bundle cannot be evaluated: the thread is of no use. */
  readonly unusable?: string;
  readonly answers: readonly { readonly id: number; readonly answer: CoreAnswer }[];
  readonly logs: readonly LogMessage[];
  readonly cachedRuns: number;
}

/** Takes byte arrays in, to be joined. */
interface Joint {
  readonly parts: Uint8Array[];
  length: number;
}

function put(joint: Joint, part: Uint8Array): number {
  joint.parts.push(part);
  joint.length += part.length;
  return part.length;
}

function join({ parts, length }: Joint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Reads a list value by value, and the bytes beside it. */
class Unpacking {
  readonly #list: readonly Value[];
  readonly #bytes: Uint8Array;
  #next = 0;
  #at = 0;

  constructor({ list, bytes }: Packed) {
    this.#list = list;
    this.#bytes = bytes;
  }

  more(): boolean {
    return this.#next < this.#list.length;
  }

  text(): string {
    return this.#list[this.#next++] as string;
  }

  number(): number {
    return this.#list[this.#next++] as number;
  }

  flag(): boolean {
    return this.#list[this.#next++] as boolean;
  }

  /** Ids of events are far below 2^53. */
  id(): bigint {
    return BigInt(this.number());
  }

  part(): Uint8Array {
    const length = this.number();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

const KINDS = ['task', 'committed', 'evict'] as const;

export function packRequests(requests: readonly Request[]): Packed {
  const list: Value[] = [];
  const joint: Joint = { parts: [], length: 0 };
  for (const request of requests) {
    list.push(KINDS.indexOf(request.kind));
    if (request.kind === 'task') {
      const { id, facts, bytes } = request.task;
      list.push(id, facts.workflowId, facts.runId, facts.workflowType, Number(facts.base), Number(facts.seen), facts.started);
      list.push(Number(facts.historyFrom), facts.historyBytes, facts.suggested, facts.queryOnly, facts.complete, facts.timeoutMs);
      list.push(put(joint, facts.asked), put(joint, bytes));
    } else if (request.kind === 'committed') list.push(request.runId, Number(request.completedEventId), request.closed);
    else list.push(request.runId);
  }
  return { list, bytes: join(joint) };
}

export function unpackRequests(packed: Packed): Request[] {
  const from = new Unpacking(packed);
  const requests: Request[] = [];
  while (from.more()) {
    const kind = KINDS[from.number()];
    if (kind === 'task') requests.push({ kind, task: unpackTask(from) });
    else if (kind === 'committed') requests.push({ kind, runId: from.text(), completedEventId: from.id(), closed: from.flag() });
    else requests.push({ kind: 'evict', runId: from.text() });
  }
  return requests;
}

/** The order of the fields is the order in which they were packed. */
function unpackTask(from: Unpacking): TaskMessage {
  const id = from.number();
  const facts: TaskFacts = {
    workflowId: from.text(),
    runId: from.text(),
    workflowType: from.text(),
    base: from.id(),
    seen: from.id(),
    started: from.number(),
    historyFrom: from.id(),
    historyBytes: from.number(),
    suggested: from.flag(),
    queryOnly: from.flag(),
    complete: from.flag(),
    timeoutMs: from.number(),
    asked: from.part(),
  };
  return { id, facts, bytes: from.part() };
}

const ANSWERS = ['completed', 'queries', 'failed', 'needHistory', 'returned'] as const;

type Answers = ThreadReport['answers'];

export function packAnswers(answers: Answers): Packed {
  const list: Value[] = [];
  const joint: Joint = { parts: [], length: 0 };
  for (const { id, answer } of answers) {
    list.push(id, ANSWERS.indexOf(answer.kind), 'bytes' in answer ? put(joint, answer.bytes) : 0);
  }
  return { list, bytes: join(joint) };
}

export function unpackAnswers(packed: Packed): Answers {
  const from = new Unpacking(packed);
  const answers: Answers[number][] = [];
  while (from.more()) {
    const id = from.number();
    const kind = ANSWERS[from.number()] ?? 'returned';
    const bytes = from.part();
    answers.push({ id, answer: kind === 'needHistory' || kind === 'returned' ? { kind } : { kind, bytes } });
  }
  return answers;
}
