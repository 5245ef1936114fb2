/** Connections for everything but commits: some for reads, and own ones for ownership, so that no slow read delays a beat. */
import pg from 'pg';
import type { StoreError } from '../store.ts';
import { applySettings, connectionConfig, type Isolation } from './connect.ts';
import { classify, losesConnection, type Phase } from './failures.ts';
import { pauseBeforeRetry, TRIES } from './retry.ts';
import type { Statement } from './statements.ts';

export interface Sessions {
  /** Runs one statement in its own transaction. Rejects with StoreError. Prepared when `prepare` is not false. */
  run<T>(phase: 'read' | 'write', query: Statement, values: readonly unknown[], prepare?: boolean): Promise<T[]>;
  close(): Promise<void>;
}

export interface SessionsOptions {
  readonly url: string;
  /** Seen in pg_stat_activity. */
  readonly name: string;
  /** Most connections at once. */
  readonly size: number;
  readonly isolation: Isolation | undefined;
  /** Settings of each session beside the usual ones. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  onNotice(message: string): void;
}

/** Keys that a caller names are looked up one by one; a join by hash would read the whole table. */
export const SESSIONS_SETTINGS: Readonly<Record<string, string>> = { enable_hashjoin: 'off', enable_mergejoin: 'off' };

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw classify(error, 'connect');
  }
}

interface Failed {
  readonly failure: StoreError;
  /** The connection is gone; a read may be tried once more on another. */
  readonly lost: boolean;
}

async function attemptOn<T>(pool: pg.Pool, phase: Phase, query: pg.QueryConfig): Promise<T[] | Failed> {
  const client = await connect(pool);
  try {
    const { rows } = await client.query(query);
    client.release();
    return rows as T[];
  } catch (error) {
    const lost = losesConnection(error);
    client.release(lost);
    return { failure: classify(error, phase), lost };
  }
}

export function createSessions(options: SessionsOptions): Sessions {
  const pool = new pg.Pool({
    ...connectionConfig(options.url, options.name, options.isolation),
    max: options.size,
    idleTimeoutMillis: 60_000,
    // oxlint-disable-next-line typescript/no-misused-promises -- pg-pool waits for it, though its types do not say so
    onConnect: (client) => applySettings(client, { ...SESSIONS_SETTINGS, ...options.settings }),
  });
  // The pool listens only while a connection is idle; one lost in use would end the process, although its query reports it.
  pool.on('connect', (client) => client.on('error', () => {}));
  pool.on('error', (error) => options.onNotice(`${options.name}: an idle connection was lost: ${error.message}`));

  return {
    async run<T>(phase: 'read' | 'write', query: Statement, values: readonly unknown[], prepare = true): Promise<T[]> {
      const config = { text: query.text, values: [...values], ...(prepare ? { name: query.name } : {}) };
      let lostOnce = false;
      for (let attempt = 1; ; attempt += 1) {
        const answer = await attemptOn<T>(pool, phase, config);
        if (Array.isArray(answer)) return answer;
        const { failure, lost } = answer;
        // After a restart of the database every idle connection is dead: a read deserves a fresh one.
        const again = failure.kind === 'abort' || (phase === 'read' && lost && !lostOnce);
        lostOnce ||= lost;
        if (!again || attempt === TRIES) throw failure;
        options.onNotice(`${query.name}: try ${attempt} failed (${failure.sqlState}): ${failure.message}`);
        await pauseBeforeRetry(attempt);
      }
    },
    close: () => pool.end(),
  };
}
