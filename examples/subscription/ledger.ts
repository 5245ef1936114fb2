// The payment provider's books: a table with one row per charge. The idempotency key is its primary key.
import pg from 'pg';

export interface LedgerRow {
  /** "<run id>/<activity id>". */
  readonly key: string;
  readonly cycle: number;
  readonly amount: number;
  /** The attempt that charged. */
  readonly attempt: number;
}

export interface Ledger {
  has(key: string): Promise<boolean>;
  /** Charges once per key; again with the same key changes nothing. */
  charge(row: LedgerRow): Promise<void>;
  /** All charges of a run, by cycle. */
  rows(runId: string): Promise<LedgerRow[]>;
  close(): Promise<void>;
}

/** Opens the books; makes the table if it is not there. */
export async function openLedger(databaseUrl: string): Promise<Ledger> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
  // A connection that breaks while idle is replaced by the pool.
  pool.on('error', () => {});
  await pool.query(
    'CREATE TABLE IF NOT EXISTS demo_ledger (key TEXT NOT NULL, cycle INT4 NOT NULL, amount INT4 NOT NULL, attempt INT4 NOT NULL, PRIMARY KEY (key))',
  );
  return {
    has: async (key) => (await pool.query('SELECT 1 FROM demo_ledger WHERE key = $1', [key])).rowCount === 1,
    charge: async ({ key, cycle, amount, attempt }) => {
      await pool.query('INSERT INTO demo_ledger (key, cycle, amount, attempt) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING', [
        key,
        cycle,
        amount,
        attempt,
      ]);
    },
    rows: async (runId) =>
      (
        await pool.query<LedgerRow>(
          "SELECT key, cycle, amount, attempt FROM demo_ledger WHERE starts_with(key, $1 || '/') ORDER BY cycle",
          [runId],
        )
      ).rows,
    close: () => pool.end(),
  };
}
