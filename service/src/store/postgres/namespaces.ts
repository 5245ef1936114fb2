/** Namespaces, and the secrets that all nodes share. */
import { checkText, checkUuid } from '../checks.ts';
import { type NamespaceRow, StoreError } from '../store.ts';
import type { Sessions } from './sessions.ts';
import { statement } from './statements.ts';

const read = statement('get_namespace', 'SELECT n.namespace_id, n.name, n.retention_ms FROM namespaces AS n WHERE n.name = $1::TEXT');

interface Stored {
  readonly namespace_id: string;
  readonly name: string;
  readonly retention_ms: number;
}

function toRow(row: Stored): NamespaceRow {
  return { namespaceId: row.namespace_id, name: row.name, retentionMs: row.retention_ms };
}

export async function getNamespace(sessions: Sessions, name: string): Promise<NamespaceRow | undefined> {
  checkText('namespace name', name);
  const [row] = await sessions.run<Stored>('read', read, [name]);
  return row === undefined ? undefined : toRow(row);
}

const list = statement('list_namespaces', 'SELECT n.namespace_id, n.name, n.retention_ms FROM namespaces AS n ORDER BY n.name');

export async function listNamespaces(sessions: Sessions): Promise<NamespaceRow[]> {
  return (await sessions.run<Stored>('read', list, [])).map(toRow);
}

const create = statement(
  'create_namespace',
  `INSERT INTO namespaces (name, namespace_id, retention_ms) VALUES ($1::TEXT, $2::UUID, $3::INT8) ON CONFLICT (name) DO NOTHING`,
);

export async function createNamespace(sessions: Sessions, row: NamespaceRow): Promise<NamespaceRow> {
  checkUuid('namespace id', row.namespaceId);
  checkText('namespace name', row.name);
  await sessions.run('write', create, [row.name, row.namespaceId, row.retentionMs]);
  const stored = await getNamespace(sessions, row.name);
  if (stored === undefined) throw new StoreError('down', `namespace ${row.name} was removed meanwhile`);
  return stored;
}

const readSecret = statement('get_secret', 'SELECT s.value FROM secrets AS s WHERE s.name = $1::TEXT');

export async function getSecret(sessions: Sessions, name: string): Promise<Uint8Array | undefined> {
  const [row] = await sessions.run<{ value: Buffer }>('read', readSecret, [name]);
  return row?.value;
}
