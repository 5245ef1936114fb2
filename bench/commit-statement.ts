/**
 * What the commit statement alone can do: `node scripts/with-node.mjs node --conditions perdure-source bench/commit-statement.ts`.
 * Each workflow is four commits: start, two log rows, close, with visibility at start and close. No service, no gRPC.
 */
import { startPostgres } from '../service/src/dev/postgres.ts';
import { migrate } from '../service/src/store/migrations/migrate.ts';
import { createPostgresStore } from '../service/src/store/postgres/store.ts';
import { DEFAULT_NAMESPACE, SLOT_COUNT } from '../service/src/store/seed.ts';
import type { CommitRecord, RunKey, Store } from '../service/src/store/store.ts';

const ROWS = 4;
const EVENT_BYTES = 200;
const SECONDS = Number(process.argv[2] ?? 5);
const IN_FLIGHT = [1, 100, 400];

let made = 0;

function newKey(): RunKey {
  made += 1;
  const time = Date.now().toString(16).padStart(12, '0');
  const tail = made.toString(16).padStart(12, '0');
  const runId = `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}`;
  return { slot: (made * 2_654_435_761) % SLOT_COUNT, namespaceId: DEFAULT_NAMESPACE.namespaceId, workflowId: `order-${made}`, runId };
}

const events = new Uint8Array(EVENT_BYTES).fill(7);

function record(key: RunKey, prevSeq: number): CommitRecord {
  const seq = prevSeq + 1;
  const rows = [{ seq, firstEventId: seq * 2 - 1, eventCount: 2, events, marks: undefined }];
  const closes = seq === ROWS;
  if (prevSeq > 0 && !closes) return { key, prevSeq, rows, closes };
  const status = closes ? 2 : 1;
  const now = Date.now();
  const common = { type: 'order', taskQueue: 'orders', status, startedAt: now, closedAt: closes ? now : null };
  return {
    key,
    prevSeq,
    rows,
    closes,
    execution: { ...common, wakeAt: closes ? now + 604_800_000 : 0, lastSeq: seq, nextEventId: seq * 2 + 1 },
    visibility: { ...common, buildId: 'b1', blockedCause: '', historyLength: seq * 2, attributes: closes ? undefined : {} },
  };
}

async function measure(store: Store, me: string, inFlight: number): Promise<string> {
  const runs = Array.from({ length: inFlight }, (_, i) => ({ key: newKey(), seq: i % ROWS }));
  // Runs that begin in the middle need their log first.
  for (const run of runs) {
    for (let seq = 0; seq < run.seq; seq += 1) await store.commit(me, 0, [record(run.key, seq)]);
  }
  let done = 0;
  let batches = 0;
  const [cpu, began] = [process.cpuUsage(), performance.now()];
  while (performance.now() - began < SECONDS * 1000) {
    const answer = await store.commit(
      me,
      0,
      runs.map((run) => record(run.key, run.seq)),
    );
    if (answer.written.size !== inFlight) throw new Error(`only ${answer.written.size} of ${inFlight} records were written`);
    batches += 1;
    for (const run of runs) {
      run.seq += 1;
      if (run.seq < ROWS) continue;
      done += 1;
      run.seq = 0;
      run.key = newKey();
    }
  }
  const seconds = (performance.now() - began) / 1000;
  const used = process.cpuUsage(cpu);
  const node = (used.user + used.system) / done;
  return `${inFlight} in flight: ${Math.round(done / seconds)} workflows/s, ${Math.round(batches / seconds)} commits/s, Node ${node.toFixed(1)} µs per workflow`;
}

const server = await startPostgres({ dataDir: '', ephemeral: true });
try {
  await migrate(server.url);
  const store = createPostgresStore({ url: server.url });
  const me = '00000000-0000-7000-8000-000000000001';
  await store.registerNode({ nodeId: me, address: '', roles: '', version: '' });
  for (const inFlight of IN_FLIGHT) console.log(await measure(store, me, inFlight));
  await store.close();
} finally {
  await server.stop();
}
