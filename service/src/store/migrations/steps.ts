/**
 * The schema, as numbered versions of idempotent single statements. Forward only: a version that was released never
 * changes, and every program of version N runs on schema N and N + 1. One text for PostgreSQL and CockroachDB; what
 * only one of them knows is tuning, and stands apart.
 */
import { type Statement, statement } from '../postgres/statements.ts';
import { DEFAULT_NAMESPACE, SLOT_COUNT } from '../seed.ts';
import { namespacesAndFilters } from './002-namespaces-and-filters.ts';

export interface Migration {
  /** 1, 2, … */
  readonly version: number;
  readonly name: string;
  /** Run in order, each in its own transaction; each may run again after an interruption. */
  readonly steps: readonly Statement[];
  /** Settings that make PostgreSQL faster; not run elsewhere. */
  readonly postgresTuning: readonly string[];
}

const step = (name: string, text: string): Statement => statement(`migration_${name}`, text);

/** Every key leads with slot or namespace, so that rows spread over a cluster; columns are NOT NULL where they order. */
const initial: Migration = {
  version: 1,
  name: 'initial',
  steps: [
    // The fence: a row is inserted at boot and deleted once, never updated, so that commits share its lock.
    step(
      'nodes',
      `CREATE TABLE IF NOT EXISTS nodes (
        node_id UUID NOT NULL, address TEXT NOT NULL, roles TEXT NOT NULL, version TEXT NOT NULL, started_at INT8 NOT NULL,
        PRIMARY KEY (node_id))`,
    ),
    step(
      'heartbeats',
      'CREATE TABLE IF NOT EXISTS heartbeats (node_id UUID NOT NULL, beat INT8 NOT NULL, draining BOOL NOT NULL, PRIMARY KEY (node_id))',
    ),
    step('slots', 'CREATE TABLE IF NOT EXISTS slots (slot INT4 NOT NULL, owner UUID NULL, PRIMARY KEY (slot))'),
    step(
      'executions',
      `CREATE TABLE IF NOT EXISTS executions (
        slot INT4 NOT NULL, namespace_id UUID NOT NULL, workflow_id TEXT NOT NULL, run_id UUID NOT NULL,
        status INT4 NOT NULL, wake_at INT8 NULL, last_seq INT8 NOT NULL, next_event_id INT8 NOT NULL,
        type TEXT NOT NULL, task_queue TEXT NOT NULL, started_at INT8 NOT NULL, closed_at INT8 NULL,
        checkpoint BYTEA NULL, checkpoint_seq INT8 NULL,
        PRIMARY KEY (slot, namespace_id, workflow_id, run_id))`,
    ),
    step('executions_wake', 'CREATE INDEX IF NOT EXISTS executions_wake ON executions (slot, wake_at) WHERE wake_at IS NOT NULL'),
    step('executions_open', 'CREATE INDEX IF NOT EXISTS executions_open ON executions (slot, namespace_id, workflow_id) WHERE status = 1'),
    step(
      'history',
      `CREATE TABLE IF NOT EXISTS history (
        slot INT4 NOT NULL, run_id UUID NOT NULL, seq INT8 NOT NULL,
        first_event_id INT8 NOT NULL, event_count INT4 NOT NULL, events BYTEA NOT NULL, marks BYTEA NULL,
        PRIMARY KEY (slot, run_id, seq))`,
    ),
    // No inverted index on attributes: it would cost at each start and close, and no filter on attributes exists yet.
    step(
      'visibility',
      `CREATE TABLE IF NOT EXISTS visibility (
        namespace_id UUID NOT NULL, run_id UUID NOT NULL, workflow_id TEXT NOT NULL, type TEXT NOT NULL, status INT4 NOT NULL,
        started_at INT8 NOT NULL, closed_at INT8 NULL, task_queue TEXT NOT NULL, build_id TEXT NOT NULL, blocked_cause TEXT NOT NULL,
        history_length INT8 NOT NULL, attributes JSONB NULL, memo BYTEA NULL,
        PRIMARY KEY (namespace_id, run_id))`,
    ),
    step('visibility_time', 'CREATE INDEX IF NOT EXISTS visibility_time ON visibility (namespace_id, started_at, run_id)'),
    step('visibility_status', 'CREATE INDEX IF NOT EXISTS visibility_status ON visibility (namespace_id, status, started_at, run_id)'),
    step('visibility_type', 'CREATE INDEX IF NOT EXISTS visibility_type ON visibility (namespace_id, type, started_at, run_id)'),
    step(
      'namespaces',
      'CREATE TABLE IF NOT EXISTS namespaces (name TEXT NOT NULL, namespace_id UUID NOT NULL, retention_ms INT8 NOT NULL, PRIMARY KEY (name))',
    ),
    step('namespaces_id', 'CREATE UNIQUE INDEX IF NOT EXISTS namespaces_id ON namespaces (namespace_id)'),
    step('secrets', 'CREATE TABLE IF NOT EXISTS secrets (name TEXT NOT NULL, value BYTEA NOT NULL, PRIMARY KEY (name))'),
    step(
      'seed_slots',
      `INSERT INTO slots (slot, owner) SELECT g.slot, NULL FROM generate_series(0, ${SLOT_COUNT - 1}) AS g(slot) ON CONFLICT (slot) DO NOTHING`,
    ),
    step(
      'seed_namespace',
      `INSERT INTO namespaces (name, namespace_id, retention_ms)
       VALUES ('${DEFAULT_NAMESPACE.name}', '${DEFAULT_NAMESPACE.namespaceId}', ${DEFAULT_NAMESPACE.retentionMs}) ON CONFLICT (name) DO NOTHING`,
    ),
  ],
  postgresTuning: [
    // Short runs leave dead rows behind at once: vacuum early, and leave room for updates within the page.
    'ALTER TABLE executions SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)',
    'ALTER TABLE visibility SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)',
    'ALTER TABLE history SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)',
    'ALTER TABLE heartbeats SET (fillfactor = 50)',
    // Compression by pglz costs more than it saves on rows that are written once.
    'ALTER TABLE history ALTER COLUMN events SET STORAGE EXTERNAL',
    'ALTER TABLE executions ALTER COLUMN checkpoint SET STORAGE EXTERNAL',
  ],
};

/** In order of their versions. */
export const MIGRATIONS: readonly Migration[] = [initial, namespacesAndFilters];
