// Threads that do not start and threads that die: tasks are handed back or fail, and nothing is given up for good.

import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { WorkflowTaskFailure } from '@perdure/proto/perdure/api/v1/worker_service';
import { expect, test, vi } from 'vitest';
import { type CoreAnswer, encodeFailure, type TaskFacts } from './core.ts';
import { createLazyThread, createPoolThread } from './pool-thread.ts';
import type { Launch, PoolOptions, ThreadListener } from './thread-launch.ts';
import type { Request, ThreadReport } from './thread-messages.ts';

interface Scripted {
  readonly launch: Launch;
  /** One per launch; the newest last. */
  readonly threads: { on: ThreadListener; sent: Request[]; ended: boolean; progress: Int32Array }[];
  readonly errors: string[];
  readonly options: PoolOptions;
}

/** Threads that do what the test says. `starts`: whether the n-th launch succeeds. */
function scripted(starts: (launch: number) => boolean, suspects = false): Scripted {
  const threads: Scripted['threads'] = [];
  const errors: string[] = [];
  const options: PoolOptions = {
    bundle: { name: '', code: '', sourceMap: '', library: '', modules: [], largest: [] },
    namespace: 'default',
    taskQueue: 'q',
    log: (level, message) => void (level === 'error' && errors.push(message)),
    patience: { warnMs: 16, failMs: 60_000, retryMs: 1 },
    mapPlaces: (text) => text,
    ...(suspects && { entryTimeoutMs: 60_000 }),
  };
  const launch: Launch = (_options, on) => {
    const thread = { on, sent: [] as Request[], ended: false, progress: new Int32Array(2) };
    threads.push(thread);
    return {
      name: 'scripted',
      progress: thread.progress,
      ready: starts(threads.length) ? Promise.resolve(['w']) : Promise.reject(new Error('no memory')),
      send: (batch) => void thread.sent.push(...batch),
      async end() {
        thread.ended = true;
      },
    };
  };
  return { launch, threads, errors, options };
}

const bytes = new Uint8Array(0);

function facts(runId: string, timeoutMs = 60_000): TaskFacts {
  const history = { base: 0n, seen: 1n, historyFrom: 1n, historyBytes: 0, complete: true, suggested: false };
  return { workflowId: 'w', workflowType: 't', runId, ...history, started: 0, queryOnly: false, asked: bytes, timeoutMs };
}

const report = (answers: ThreadReport['answers']): ThreadReport => ({ answers, logs: [], cachedRuns: 0 });
const tasksOf = (sent: readonly Request[]) => sent.flatMap((request) => (request.kind === 'task' ? [request.task] : []));
const failureOf = (answer: CoreAnswer) => (answer.kind === 'failed' ? WorkflowTaskFailure.decode(answer.bytes) : undefined);

test('suspects whose thread does not start are tried again; who waits too long meanwhile is handed back', async () => {
  const script = scripted((launch) => launch > 8, true);
  const thread = createLazyThread(script.options, script.launch);
  const patient = thread.activate(facts('patient'), bytes);
  expect(await thread.activate(facts('hasty', 20), bytes)).toEqual({ kind: 'returned' });
  await vi.waitFor(() => expect(tasksOf(script.threads.at(-1)?.sent ?? [])).toHaveLength(1));
  expect(script.errors).toHaveLength(8);
  expect(script.errors[0]).toContain('tasks are handed back until there is one: Error: no memory');
  const [task] = tasksOf(script.threads.at(-1)?.sent ?? []);
  script.threads.at(-1)?.on.report(report([{ id: task?.id ?? 0, answer: { kind: 'completed', bytes } }]));
  expect(await patient).toEqual({ kind: 'completed', bytes });
  await thread.close();
});

test('a replacement that does not start is tried again; who asks is told when it has', async () => {
  const script = scripted((launch) => launch === 1 || launch > 4);
  const { thread } = await createPoolThread(script.options, script.launch);
  expect(thread.whenReady()).toBeUndefined();
  script.threads[0]?.on.died('it died');
  await vi.waitFor(() => expect(script.threads.length).toBeGreaterThan(1));
  await thread.whenReady();
  expect(script.threads).toHaveLength(5);
  expect(script.errors[0]).toContain('tasks are handed back and no more are asked for until there is one: Error: no memory');
  expect(thread.whenReady()).toBeUndefined();
  const later = thread.activate(facts('later'), bytes);
  await vi.waitFor(() => expect(tasksOf(script.threads[4]?.sent ?? [])).toHaveLength(1));
  script.threads[4]?.on.report(report([{ id: tasksOf(script.threads[4]?.sent ?? [])[0]?.id ?? 0, answer: { kind: 'completed', bytes } }]));
  expect(await later).toEqual({ kind: 'completed', bytes });
  await thread.close();
  expect(script.threads[4]?.ended).toBe(true);
});

test('a task that is there each time its thread dies fails the second time', async () => {
  const script = scripted(() => true);
  const { thread } = await createPoolThread(script.options, script.launch);
  const deadly = thread.activate(facts('deadly'), bytes);
  const died = async (at: number): Promise<void> => {
    await vi.waitFor(() => expect(tasksOf(script.threads[at]?.sent ?? [])).toHaveLength(1));
    script.threads[at]?.on.died('its thread died: of something');
  };
  await died(0);
  await died(1);
  expect(failureOf(await deadly)).toMatchObject({
    cause: WorkflowTaskFailureCause.WORKFLOW_ERROR,
    failure: { message: 'its thread died: of something' },
  });
  await thread.close();
});

test('closing while no thread can be started ends the tries', async () => {
  const script = scripted(() => false, true);
  const thread = createLazyThread(script.options, script.launch);
  const waiting = thread.activate(facts('waiting'), bytes);
  await vi.waitFor(() => expect(script.errors.length).toBeGreaterThan(2));
  await thread.close();
  expect(await waiting).toEqual({ kind: 'needHistory' });
  await expect(thread.activate(facts('late'), bytes)).rejects.toThrow('closed');
});

test('a slow task that fails by its own error keeps it', async () => {
  const script = scripted(() => true);
  const warnings: string[] = [];
  const log: PoolOptions['log'] = (_level, message) => void warnings.push(message);
  const { thread } = await createPoolThread({ ...script.options, log }, script.launch);
  const answer = thread.activate(facts('slow'), bytes);
  const [only] = script.threads as [Scripted['threads'][number]];
  await vi.waitFor(() => expect(tasksOf(only.sent)).toHaveLength(1));
  const id = tasksOf(only.sent)[0]?.id ?? 0;
  Atomics.store(only.progress, 1, id);
  // The watchdog has found it slow, and looked where it stands.
  await vi.waitFor(() => expect(warnings).toHaveLength(1), 10_000);
  const bug = encodeFailure('its own', WorkflowTaskFailureCause.NONDETERMINISM);
  only.on.report(report([{ id, answer: { kind: 'failed', bytes: bug } }]));
  expect(failureOf(await answer)).toMatchObject({ cause: WorkflowTaskFailureCause.NONDETERMINISM, failure: { message: 'its own' } });
  await thread.close();
});
