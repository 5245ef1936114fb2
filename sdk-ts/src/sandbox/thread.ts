// A thread that runs workflow code. Takes batches of requests; reports what is done when it has caught up, at the latest every 2 ms.

import { parentPort, workerData } from 'node:worker_threads';
import { type Core, createCore } from './core.ts';
import {
  type LogMessage,
  type Packed,
  packAnswers,
  type Request,
  type TaskMessage,
  type ThreadReport,
  type ThreadSettings,
  unpackRequests,
} from './thread-messages.ts';

const REPORT_MS = 2;

const settings = workerData as ThreadSettings;
const { progress } = settings;
const port = parentPort as NonNullable<typeof parentPort>;
/** Ids of tasks in progress, for the watchdog. */
const tasks = new Map<string, number>();
const queue: Request[] = [];
let answers: ThreadReport['answers'][number][] = [];
let logs: LogMessage[] = [];
let pumping = false;
let reporting = false;

function report(cachedRuns: number, more: Partial<ThreadReport> = {}): void {
  const packed = packAnswers(answers);
  port.postMessage({ answers: packed, logs, cachedRuns, ...more }, [packed.bytes.buffer]);
  answers = [];
  logs = [];
}

/** One report for all that ends in this turn of the event loop. */
function reportSoon(core: Core): void {
  if (reporting) return;
  reporting = true;
  setImmediate(() => {
    reporting = false;
    if (answers.length > 0 || logs.length > 0) report(core.cachedRuns());
  });
}

function start(core: Core, request: Request): void {
  if (request.kind === 'evict') core.evict(request.runId);
  else if (request.kind === 'committed') core.committed(request.runId, request.completedEventId, request.closed);
  else startTask(core, request.task);
}

function startTask(core: Core, task: TaskMessage): void {
  const { id, facts, bytes } = task;
  tasks.set(facts.runId, id);
  const done = (answer: ThreadReport['answers'][number]['answer']): void => {
    tasks.delete(facts.runId);
    answers.push({ id, answer });
    reportSoon(core);
  };
  // Runs at once up to its end, unless it is a long replay, which gives way.
  core.activate(facts, bytes).then(done, (error: unknown) => done(core.failed(facts, error)));
}

async function pump(core: Core): Promise<void> {
  if (pumping) return;
  pumping = true;
  let since = performance.now();
  for (let request = queue.shift(); request !== undefined; request = queue.shift()) {
    start(core, request);
    // Lets the answer arrive, so that the first of a large batch does not wait for the last.
    await Promise.resolve();
    if (performance.now() - since > REPORT_MS && answers.length > 0) {
      report(core.cachedRuns());
      since = performance.now();
    }
  }
  pumping = false;
}

async function main(): Promise<void> {
  const core = await createCore({
    ...settings,
    log(level, message, fields) {
      logs.push({ level, message, fields });
    },
    onEnter(runId) {
      Atomics.store(progress, 1, tasks.get(runId) ?? 0);
      Atomics.add(progress, 0, 1);
    },
    onLeave() {
      Atomics.store(progress, 1, 0);
    },
  });
  port.on('message', (packed: Packed) => {
    for (const request of unpackRequests(packed)) queue.push(request);
    void pump(core);
  });
  report(0, { workflowTypes: core.workflowTypes });
}

main().catch((error: unknown) => report(0, { unusable: error instanceof Error ? error.message : String(error) }));
