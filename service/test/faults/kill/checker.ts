/** Reads the tables itself, folds every log, and compares with what was acknowledged. */
import { readFileSync } from 'node:fs';
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import pg from 'pg';
import { checkFamily } from './family-checker.ts';
import type { Family, Order } from './load.ts';
import { SIGNALS } from './load.ts';
import { type Row, readRun, signalsOf } from './read-run.ts';
import { CHILDREN, ROUNDS } from './workflows.ts';

/** Returns every violation as a sentence; empty when all is well. */
export async function check(
  databaseUrl: string,
  executions: string,
  { orders, families }: { readonly orders: readonly Order[]; readonly families: readonly Family[] },
): Promise<string[]> {
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
  const runs = orders.length + families.length * (1 + CHILDREN * ROUNDS);
  if (logs.size !== runs) problems.push(`${orders.length} orders and ${families.length} families make ${runs} runs, ${logs.size} exist`);
  const statuses = new Map(shown.rows.map((row) => [row.run_id, Number(row.status)]));
  for (const order of orders) {
    const log = logs.get(order.runId);
    if (order.problem !== undefined) problems.push(`${order.workflowId}: ${order.problem}`);
    if (log === undefined) problems.push(`${order.workflowId}: its acknowledged run ${order.runId} is not there`);
    else problems.push(...checkRun(order, log, statuses.get(order.runId)).map((problem) => `${order.workflowId}: ${problem}`));
  }
  const byWorkflow = Map.groupBy(
    [...logs.values()].map((log) => readRun(log)),
    ({ workflowId }) => workflowId,
  );
  for (const each of families) {
    if (each.problem !== undefined) problems.push(`${each.workflowId}: ${each.problem}`);
    else problems.push(...checkFamily(each, byWorkflow, statuses).map((problem) => `${each.workflowId}: ${problem}`));
  }
  problems.push(...checkExecutions(executions));
  return problems;
}

function checkRun(order: Order, rows: readonly Row[], shown: number | undefined): string[] {
  const { state, events, problems: found } = readRun(rows);
  const problems = [...found];
  const signals = signalsOf(events);
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
