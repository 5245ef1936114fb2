// What a measurement says: one JSON object of fixed keys, and a table for people.
import type { Scenario } from './scenarios.ts';

export interface Report {
  readonly scenario: Scenario;
  readonly concurrency: number;
  /** Runs completed while measured. */
  readonly count: number;
  readonly workflowsPerSecond: number;
  readonly activitiesPerSecond: number;
  /** From start to result, as the client sees it. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  readonly cpuMicrosPerWorkflow: { readonly service: number; readonly worker: number; readonly client: number; readonly database: number };
  readonly recordsPerCommit: number;
  readonly rpcsPerWorkflow: number;
  /** Workflows per second of the commit statement alone, four commits each, as many records per statement as runs in flight, just before. */
  readonly calibration: number;
  readonly node: string;
  readonly postgres: string;
  readonly commit: string;
}

const digits = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(2));

/** Two columns, aligned. */
export function renderTable(report: Report): string {
  const { cpuMicrosPerWorkflow: cpu } = report;
  const rows: [string, string][] = [
    ['scenario', `${report.scenario}, ${report.concurrency} in flight, ${report.count} runs`],
    ['workflows/s', digits(report.workflowsPerSecond)],
    ['activities/s', digits(report.activitiesPerSecond)],
    ['latency p50, p99', `${digits(report.latencyMs.p50)} ms, ${digits(report.latencyMs.p99)} ms`],
    ['CPU µs per workflow', digits(cpu.service + cpu.worker + cpu.client + cpu.database)],
    ['  service, worker', `${digits(cpu.service)}, ${digits(cpu.worker)}`],
    ['  client, database', `${digits(cpu.client)}, ${digits(cpu.database)}`],
    ['records per commit', digits(report.recordsPerCommit)],
    ['RPCs per workflow', digits(report.rpcsPerWorkflow)],
    [
      'calibration',
      `${digits(report.calibration)} workflows/s by the commit statement alone; ratio ${digits(report.workflowsPerSecond / report.calibration)}`,
    ],
    ['versions', `Node ${report.node}, PostgreSQL ${report.postgres}, commit ${report.commit}`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
