// The load process of a measurement: keeps a number of runs in flight and times each from start to result. Orders come by IPC.
import { Client } from '@perdure/sdk/client';
import { type LoadOrder, type LoadResult, PAYLOAD, type Scenario, TASK_QUEUE } from './scenarios.ts';

const client = new Client({ address: process.argv[2] ?? '127.0.0.1:7233' });
// Ids must differ between processes that use one database.
const prefix = `${Date.now().toString(36)}-${process.pid}`;
let started = 0;

async function runOne(scenario: Scenario): Promise<number> {
  const begin = performance.now();
  started += 1;
  const result = await client.execute(scenario, { workflowId: `${prefix}-${started}`, taskQueue: TASK_QUEUE, args: [PAYLOAD] });
  if (result !== PAYLOAD) throw new Error(`${scenario} answered ${JSON.stringify(result)}`);
  return performance.now() - begin;
}

async function measure({ scenario, concurrency, count, ms }: LoadOrder): Promise<LoadResult> {
  const latencies: number[] = [];
  const begin = performance.now();
  let begun = 0;
  const mayBegin = (): boolean => (count === undefined ? performance.now() - begin < ms : begun < count);
  const loop = async (): Promise<void> => {
    while (mayBegin()) {
      begun += 1;
      latencies.push(await runOne(scenario));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  const seconds = (performance.now() - begin) / 1_000;
  latencies.sort((a, b) => a - b);
  const quantile = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return { completed: latencies.length, seconds, p50: quantile(0.5), p99: quantile(0.99) };
}

process.on('message', (order: LoadOrder) => {
  measure(order).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error('the load failed:', error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
