/** Reads the tables itself, folds every log, and compares with what was acknowledged. */
import { readFileSync } from 'node:fs';
import { History } from '@perdure/proto/perdure/api/v1/event';
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import { Marks } from '@perdure/proto/perdure/server/v1/mark';
import pg from 'pg';
import { foldEvent } from '../../../src/core/fold.ts';
import { emptyState } from '../../../src/core/state.ts';
import type { Order } from './load.ts';
import { SIGNALS } from './load.ts';

interface Row {
  readonly run_id: string;
  readonly workflow_id: string;
  readonly seq: string;
  readonly events: Buffer;
  readonly marks: Buffer | null;
}

/** Returns every violation as a sentence; empty when all is well. */
export async function check(databaseUrl: string, executions: string, orders: readonly Order[]): Promise<string[]> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  const { rows } = await client.query<Row>(
    'SELECT h.run_id, e.workflow_id, h.seq, h.events, h.marks FROM history h JOIN executions e ON e.slot = h.slot AND e.run_id = h.run_id ORDER BY h.run_id, h.seq',
  );
  const open = await client.query<{ count: string }>('SELECT count(*) FROM executions WHERE status = $1::INT2', [WorkflowStatus.RUNNING]);
  const shown = await client.query<{ run_id: string; status: number }>('SELECT run_id, status FROM visibility');
  await client.end();
  const problems: string[] = [];
  if (open.rows[0]?.count !== '0') problems.push(`${open.rows[0]?.count} runs are open`);
  const logs = Map.groupBy(rows, (row) => row.run_id);
  if (logs.size !== orders.length) problems.push(`${orders.length} workflows were started, ${logs.size} runs exist`);
  const statuses = new Map(shown.rows.map((row) => [row.run_id, Number(row.status)]));
  for (const order of orders) {
    const log = logs.get(order.runId);
    if (order.problem !== undefined) problems.push(`${order.workflowId}: ${order.problem}`);
    if (log === undefined) problems.push(`${order.workflowId}: its acknowledged run ${order.runId} is not there`);
    else problems.push(...checkRun(order, log, statuses.get(order.runId)).map((problem) => `${order.workflowId}: ${problem}`));
  }
  problems.push(...checkExecutions(executions));
  return problems;
}

function checkRun(order: Order, rows: readonly Row[], shown: number | undefined): string[] {
  const problems: string[] = [];
  const state = emptyState({ namespaceId: '', workflowId: order.workflowId, runId: order.runId }, 0);
  const signals: number[] = [];
  rows.forEach((row, index) => {
    if (Number(row.seq) !== index + 1) problems.push(`row ${row.seq} stands at place ${index + 1}`);
    if (row.marks !== null) Marks.decode(row.marks);
    for (const event of History.decode(row.events).events) {
      try {
        foldEvent(state, event, 0);
      } catch (error) {
        problems.push(String(error));
      }
      if (event.attributes?.$case === 'workflowSignaled')
        signals.push(JSON.parse(Buffer.from(event.attributes.value.input[0]?.data ?? []).toString()));
    }
  });
  if (state.status !== WorkflowStatus.COMPLETED) problems.push(`ended with status ${state.status}`);
  if (shown !== state.status) problems.push(`lists show status ${shown}, the log says ${state.status}`);
  if (JSON.stringify(signals) !== JSON.stringify(order.signaled))
    problems.push(`signals ${signals} are recorded, ${order.signaled} were acknowledged`);
  const { result } = order;
  if (result?.charged !== order.id * 3) problems.push(`charged ${result?.charged}, not ${order.id * 3}`);
  if (JSON.stringify(result?.values) !== JSON.stringify(order.signaled)) problems.push(`its code saw signals ${result?.values}`);
  if (order.signaled.length !== SIGNALS) problems.push(`${order.signaled.length} signals were acknowledged`);
  return problems;
}

/** An attempt that was the last one allowed runs once at the most. */
function checkExecutions(file: string): string[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const counts = new Map<string, number>();
  for (const line of lines) if (line.startsWith('once ')) counts.set(line, (counts.get(line) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > 1).map(([line, count]) => `"${line}" ran ${count} times`);
}
