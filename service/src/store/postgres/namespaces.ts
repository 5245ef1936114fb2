/** Namespaces, and the secrets that all nodes share. */
import { checkNamespace, checkText } from '../checks.ts';
import { EMPTY_CONFIG } from '../seed.ts';
import { type NamespaceConfig, type NamespaceRow, StoreError } from '../store.ts';
import type { Sessions } from './sessions.ts';
import { statement } from './statements.ts';

const COLUMNS = 'n.namespace_id, n.name, n.retention_ms, COALESCE(n.version, 0) AS version, n.config';

const read = statement('get_namespace', `SELECT ${COLUMNS} FROM namespaces AS n WHERE n.name = $1::TEXT`);

interface Stored {
  readonly namespace_id: string;
  readonly name: string;
  readonly retention_ms: number;
  readonly version: number;
  /** What later versions of the program add is kept; what earlier ones did not know has its default. */
  readonly config: Partial<NamespaceConfig> | null;
}

function toRow(row: Stored): NamespaceRow {
  const config = { ...EMPTY_CONFIG, ...row.config };
  return { namespaceId: row.namespace_id, name: row.name, retentionMs: row.retention_ms, version: row.version, config };
}

export async function getNamespace(sessions: Sessions, name: string): Promise<NamespaceRow | undefined> {
  checkText('namespace name', name);
  const [row] = await sessions.run<Stored>('read', read, [name]);
  return row === undefined ? undefined : toRow(row);
}

const list = statement('list_namespaces', `SELECT ${COLUMNS} FROM namespaces AS n ORDER BY n.name`);

export async function listNamespaces(sessions: Sessions): Promise<NamespaceRow[]> {
  return (await sessions.run<Stored>('read', list, [])).map(toRow);
}

const create = statement(
  'create_namespace',
  `INSERT INTO namespaces (name, namespace_id, retention_ms, version, config)
   VALUES ($1::TEXT, $2::UUID, $3::INT8, $4::INT8, $5::JSONB) ON CONFLICT (name) DO NOTHING`,
);

export async function createNamespace(sessions: Sessions, row: NamespaceRow): Promise<NamespaceRow> {
  checkNamespace(row);
  await sessions.run('write', create, [row.name, row.namespaceId, row.retentionMs, row.version, JSON.stringify(row.config)]);
  const stored = await getNamespace(sessions, row.name);
  if (stored === undefined) throw new StoreError('down', `namespace ${row.name} was removed meanwhile`);
  return stored;
}

const update = statement(
  'update_namespace',
  `UPDATE namespaces AS n SET retention_ms = $4::INT8, config = $5::JSONB, version = $3::INT8 + 1
   WHERE n.name = $1::TEXT AND n.namespace_id = $2::UUID AND COALESCE(n.version, 0) = $3::INT8 RETURNING n.name`,
);

/** Two updates at once: one finds another version and reads again. */
export async function updateNamespace(sessions: Sessions, row: NamespaceRow): Promise<boolean> {
  checkNamespace(row);
  const values = [row.name, row.namespaceId, row.version, row.retentionMs, JSON.stringify(row.config)];
  return (await sessions.run('write', update, values)).length > 0;
}

const remove = statement(
  'remove_namespace',
  'DELETE FROM namespaces AS n WHERE n.name = $1::TEXT AND n.namespace_id = $2::UUID RETURNING n.name',
);

export async function removeNamespace(sessions: Sessions, name: string, namespaceId: string): Promise<boolean> {
  return (await sessions.run('write', remove, [name, namespaceId])).length > 0;
}

const readSecret = statement('get_secret', 'SELECT s.value FROM secrets AS s WHERE s.name = $1::TEXT');

export async function getSecret(sessions: Sessions, name: string): Promise<Uint8Array | undefined> {
  const [row] = await sessions.run<{ value: Buffer }>('read', readSecret, [name]);
  return row?.value;
}
