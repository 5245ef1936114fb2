/** How every connection to the database is opened: its settings, limits and value parsers. */
import pg from 'pg';
import { type Statement, statement } from './statements.ts';

/** Isolation of all statements. Default: what the database has as its default. */
export type Isolation = 'read committed' | 'serializable';

/** A server that keeps a statement longer than this is asked to end it; it answers so, and nothing was applied. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** Locks are held for one statement only, so a longer wait means somebody is stuck. */
const LOCK_TIMEOUT_MS = 10_000;
/** Longer than the server's own limit: when this ends a statement, its outcome is unknown. */
const ANSWER_TIMEOUT_MS = 40_000;
const CONNECT_TIMEOUT_MS = 5_000;

const INT8 = 20;

/** INT8 as number: all of ours are ms or counts below 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary' ? Number : (pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown),
};

/**
 * Set on each connection where the database knows them. TCP limits: a client that froze in the middle of a statement
 * holds its locks until the server notices. Planner: the statements are written for index lookups, and a plan made
 * while a table was empty must not scan it when it is full. jit: costs of plans that avoid scans look huge to it.
 */
export const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '2',
  tcp_user_timeout: '9000',
  enable_seqscan: 'off',
  jit: 'off',
};

export const setSession: Statement = statement(
  'set_session',
  `SELECT set_config(s.name, t.value, false) AS value
   FROM unnest($1::TEXT[], $2::TEXT[]) AS t(name, value)
   JOIN pg_catalog.pg_settings AS s ON s.name = t.name`,
);

/** What pg needs to connect. `name` is seen in pg_stat_activity. */
export function connectionConfig(url: string, name: string, isolation?: Isolation): pg.ClientConfig {
  const settings = [
    `-c statement_timeout=${STATEMENT_TIMEOUT_MS}`,
    `-c lock_timeout=${LOCK_TIMEOUT_MS}`,
    '-c idle_in_transaction_session_timeout=30000',
    ...(isolation === undefined ? [] : [`-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`]),
  ];
  return {
    connectionString: url,
    application_name: name,
    options: settings.join(' '),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    types,
  };
}

/** Applies the session settings that this database knows. */
export async function applySettings(client: pg.ClientBase, extra: Readonly<Record<string, string>> = {}): Promise<void> {
  const settings = { ...SESSION_SETTINGS, ...extra };
  await client.query(setSession.text, [Object.keys(settings), Object.values(settings)]);
}

/** One connection with all settings applied. The caller ends it. */
export async function openClient(
  url: string,
  name: string,
  isolation?: Isolation,
  extra: Readonly<Record<string, string>> = {},
): Promise<pg.Client> {
  const client = new pg.Client(connectionConfig(url, name, isolation));
  // Without a listener a connection lost while idle would end the process; the next query reports it.
  client.on('error', () => {});
  try {
    await client.connect();
    await applySettings(client, extra);
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}
