// The commit statement alone, without service and gRPC: what the database and the driver can do on this machine right now.
// Each workflow is four commits, start, two log rows and close, with visibility at start and close.
import { DEFAULT_NAMESPACE, SLOT_COUNT } from '../service/src/store/seed.ts';
import type { CommitRecord, RunKey, Store } from '../service/src/store/store.ts';

const ROWS_PER_WORKFLOW = 4;
const EVENT_BYTES = 200;
const RETENTION_MS = 604_800_000;
const events = new Uint8Array(EVENT_BYTES).fill(7);

let made = 0;

/** Ids as the service makes them: time first, so that rows of one time lie together. */
function newKey(): RunKey {
  made += 1;
  const time = Date.now().toString(16).padStart(12, '0');
  const runId = `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${made.toString(16).padStart(12, '0')}`;
  return { slot: (made * 2_654_435_761) % SLOT_COUNT, namespaceId: DEFAULT_NAMESPACE.namespaceId, workflowId: `order-${made}`, runId };
}

function record(key: RunKey, prevSeq: number): CommitRecord {
  const seq = prevSeq + 1;
  const rows = [{ seq, firstEventId: seq * 2 - 1, eventCount: 2, events, marks: undefined }];
  const closes = seq === ROWS_PER_WORKFLOW;
  if (prevSeq > 0 && !closes) return { key, prevSeq, rows, closes };
  const now = Date.now();
  const common = { type: 'order', taskQueue: 'orders', status: closes ? 2 : 1, startedAt: now, closedAt: closes ? now : null };
  return {
    key,
    prevSeq,
    rows,
    closes,
    execution: { ...common, wakeAt: closes ? now + RETENTION_MS : 0, lastSeq: seq, nextEventId: seq * 2 + 1 },
    visibility: { ...common, buildId: 'b1', blockedCause: '', historyLength: seq * 2, attributes: closes ? undefined : {} },
  };
}

export interface CommitRate {
  readonly workflowsPerSecond: number;
  readonly commitsPerSecond: number;
  /** CPU of this process, user and system. */
  readonly nodeMicrosPerWorkflow: number;
}

/** Commits batches of `inFlight` records for `seconds`, as node `me`, which must be registered. */
export async function measureCommits(store: Store, me: string, inFlight: number, seconds: number): Promise<CommitRate> {
  const runs = Array.from({ length: inFlight }, (_, index) => ({ key: newKey(), seq: 0, skip: index % ROWS_PER_WORKFLOW }));
  // Runs begin in the middle, so that every batch is a mixture; their logs come first.
  for (const run of runs) for (; run.seq < run.skip; run.seq += 1) await store.commit(me, 0, [record(run.key, run.seq)]);
  let workflows = 0;
  let commits = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  while (performance.now() - began < seconds * 1_000) {
    const batch = runs.map((run) => record(run.key, run.seq));
    const answer = await store.commit(me, 0, batch);
    if (answer.written.size !== inFlight) throw new Error(`only ${answer.written.size} of ${inFlight} records were written`);
    commits += 1;
    for (const run of runs) {
      run.seq += 1;
      if (run.seq < ROWS_PER_WORKFLOW) continue;
      workflows += 1;
      run.seq = 0;
      run.key = newKey();
    }
  }
  const elapsed = (performance.now() - began) / 1_000;
  const used = process.cpuUsage(cpu);
  return {
    workflowsPerSecond: workflows / elapsed,
    commitsPerSecond: commits / elapsed,
    nodeMicrosPerWorkflow: (used.user + used.system) / workflows,
  };
}
