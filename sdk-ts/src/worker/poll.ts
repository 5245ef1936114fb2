/** Long polls: as many loops per kind as configured, each asking for its share of the free slots. */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import type { CallOptions } from '../common/api.ts';
import { pause } from '../common/clock.ts';
import { durationToProto } from '../common/duration.ts';
import { backoff } from '../common/retry.ts';
import { isTransient, refusalOf } from '../common/service-error.ts';
import { type Link, WORKER_RETRY } from './link.ts';
import type { Slots } from './slots.ts';

const WAIT = durationToProto('60s', 'wait');
/** Longer than the service waits, so that an empty answer is not an error. */
const DEADLINE_MS = 70_000;
/** Refusals that do not pass by themselves are asked again at this pace: a namespace may be created, a limit lifted. */
const REFUSED_RETRY = { initialIntervalMs: 1_000, maximumIntervalMs: 30_000 };
/** The service's limit of tasks in one answer. */
const MAX_TASKS = 1_000;

/** One kind of poll. */
export interface PollKind<T> {
  readonly name: string;
  /** Loops. */
  readonly polls: number;
  readonly slots: Slots;
  /** One call. */
  ask(request: PollRequest, call: CallOptions): Promise<{ answerId: string; tasks: T[] }>;
  /** Takes tasks; each holds one slot. */
  deliver(tasks: T[]): void;
  /** Resolves when tasks can be run again; undefined when they can now. */
  whenReady?: (() => Promise<void> | undefined) | undefined;
}

type PollRequest = Parameters<Link['api']['pollActivityTasks']>[0];

export function pollWorkflowTasks(link: Link, options: Omit<PollKind<WorkflowTask>, 'name' | 'ask'>): Promise<void> {
  const { api } = link;
  return runPolls(link, {
    ...options,
    name: 'workflow',
    ask: (request, call) => api.pollWorkflowTasks({ ...request, stickyOnly: false }, call),
  });
}

export function pollActivityTasks(link: Link, options: Omit<PollKind<ActivityTask>, 'name' | 'ask'>): Promise<void> {
  return runPolls(link, { ...options, name: 'activity', ask: (request, call) => link.api.pollActivityTasks(request, call) });
}

/** Polls until the worker stops; a poll that is out then may still bring tasks. Never rejects. */
async function runPolls<T>(link: Link, kind: PollKind<T>): Promise<void> {
  const shared = { idle: kind.polls, refused: '' };
  link.stopping.addEventListener('abort', kind.slots.wake, { once: true });
  await Promise.all(Array.from({ length: kind.polls }, () => pollLoop(link, kind, shared)));
}

async function pollLoop<T>(link: Link, kind: PollKind<T>, shared: { idle: number; refused: string }): Promise<void> {
  const { slots } = kind;
  let failures = 0;
  while (!link.stopping.aborted) {
    await slots.whenFree();
    if (link.stopping.aborted) return;
    const ready = kind.whenReady?.();
    if (ready !== undefined) {
      await unlessStopping(link, ready);
      continue;
    }
    // One share is left for tasks that come in the answers of completions.
    const maxTasks = slots.takeShare(shared.idle + 1, MAX_TASKS);
    if (maxTasks === 0) continue;
    shared.idle -= 1;
    const delay = await pollOnce(link, kind, maxTasks, failures + 1, shared);
    shared.idle += 1;
    failures = delay === undefined ? 0 : failures + 1;
    if (delay !== undefined) await pause(link.clock, delay, link.stopping);
  }
}

function unlessStopping({ stopping }: Link, ready: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stopping.removeEventListener('abort', end);
      resolve();
    };
    stopping.addEventListener('abort', end);
    void ready.then(end);
  });
}

/** One call; ms to wait before the next if it failed. */
async function pollOnce<T>(
  link: Link,
  kind: PollKind<T>,
  maxTasks: number,
  failures: number,
  shared: { refused: string },
): Promise<number | undefined> {
  const { namespace, taskQueue, info: worker, receipts } = link;
  const receivedAnswerIds = receipts.take();
  try {
    const request = { namespace, taskQueue, worker, maxTasks, waitTimeout: WAIT, receivedAnswerIds };
    const answer = await kind.ask(request, { deadlineMs: DEADLINE_MS, abort: link.hungUp });
    link.succeeded();
    shared.refused = '';
    kind.slots.settle(maxTasks, answer.tasks.length);
    receipts.add(answer.answerId);
    if (answer.tasks.length > 0) kind.deliver(answer.tasks);
    return undefined;
  } catch (error) {
    receipts.giveBack(receivedAnswerIds);
    kind.slots.settle(maxTasks, 0);
    if (link.stopping.aborted) return undefined;
    const refusal = refusalOf(error);
    if (refusal && isTransient(refusal)) {
      link.failed(refusal);
      return backoff(link.clock, WORKER_RETRY, failures, refusal.retryAfterMs);
    }
    const message = error instanceof Error ? error.message : String(error);
    if (message !== shared.refused) {
      shared.refused = message;
      link.log('error', `the service refuses to give out ${kind.name} tasks; asking again`, { taskQueue, namespace, error: message });
    }
    return backoff(link.clock, REFUSED_RETRY, failures, refusal?.retryAfterMs);
  }
}
