/** Plain sessions for what happens outside of the service's own work: starting a server, creating databases, migrating. */
import pg from 'pg';
import { connectionConfig } from './connect.ts';
import { statement } from './statements.ts';

const readServerVersion = statement('admin_server_version', 'SELECT version() AS version');

/** One session without the limits of the service: a migration may take long. */
export interface AdminSession {
  /** False on CockroachDB. */
  readonly isPostgres: boolean;
  /** Runs one statement, again when the database asks for it. Rejects with pg's error. */
  run<T>(sql: string, values?: readonly unknown[]): Promise<T[]>;
  close(): Promise<void>;
}

const TRIES = 10;
/** Serialization failure and deadlock: nothing was applied. */
const RETRY = new Set(['40001', '40P01']);

/** Rejects with an Error that names host and database, never the password. */
export async function openAdmin(url: string): Promise<AdminSession> {
  const client = new pg.Client({ ...connectionConfig(url, 'perdure-admin'), options: '-c lock_timeout=60000', query_timeout: 0 });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (cause) {
    await client.end().catch(() => {});
    throw new Error(`cannot reach the database ${client.database ?? ''} at ${client.host}:${client.port}: ${(cause as Error).message}`, {
      cause,
    });
  }
  const run = async <T>(sql: string, values: readonly unknown[] = []): Promise<T[]> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await client.query(sql, [...values])).rows as T[];
      } catch (error) {
        if (attempt === TRIES || !RETRY.has((error as { code?: string }).code ?? '')) throw error;
      }
    }
  };
  const [row] = await run<{ version: string }>(readServerVersion.text);
  return { isPostgres: row?.version.startsWith('PostgreSQL') ?? false, run, close: () => client.end() };
}

/** The server's data folder, or undefined when nobody answers at that address with that password. PostgreSQL only. */
export async function whereIsData(url: string): Promise<string | undefined> {
  try {
    const admin = await openAdmin(url);
    try {
      const [row] = await admin.run<{ data_directory: string }>('SHOW data_directory');
      return row?.data_directory;
    } finally {
      await admin.close();
    }
  } catch {
    return undefined;
  }
}

const DUPLICATE_DATABASE = '42P04';

/** Creates a database, empty or as a copy of `template`, unless it exists. `url` names another database of the server. PostgreSQL only. */
export async function createDatabase(url: string, name: string, template?: string): Promise<void> {
  const admin = await openAdmin(url);
  try {
    const found = await admin.run('SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1::TEXT', [name]);
    if (found.length > 0) return;
    const copy = template === undefined ? '' : ` TEMPLATE ${pg.escapeIdentifier(template)}`;
    await admin.run(`CREATE DATABASE ${pg.escapeIdentifier(name)}${copy}`);
  } catch (error) {
    if ((error as { code?: string }).code !== DUPLICATE_DATABASE) throw error;
  } finally {
    await admin.close();
  }
}
