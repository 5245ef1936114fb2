/** Namespaces can be configured, and filters on search attributes and on blocked runs have indexes. */
import { statement } from '../postgres/statements.ts';
import type { Migration } from './steps.ts';

/** Runs beside the service: columns without a default rewrite nothing, and indexes are built without keeping writers out. */
export const namespacesAndFilters: Migration = {
  version: 2,
  name: 'namespaces and filters',
  steps: [
    statement('migration_namespaces_version', 'ALTER TABLE namespaces ADD COLUMN IF NOT EXISTS version INT8 NULL'),
    statement('migration_namespaces_config', 'ALTER TABLE namespaces ADD COLUMN IF NOT EXISTS config JSONB NULL'),
    // Runs without attributes have NULL there and no entry, so that they cost nothing.
    statement(
      'migration_visibility_attributes',
      'CREATE INDEX CONCURRENTLY IF NOT EXISTS visibility_attributes ON visibility USING gin (attributes) WHERE attributes IS NOT NULL',
    ),
    statement(
      'migration_visibility_blocked',
      `CREATE INDEX CONCURRENTLY IF NOT EXISTS visibility_blocked ON visibility (namespace_id, started_at, run_id) WHERE blocked_cause <> ''`,
    ),
  ],
  postgresTuning: [],
};
