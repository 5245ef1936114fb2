// How fast the database is right now: the rate of a plain batched insert, so that figures from noisy machines can be compared by ratio.
import pg from 'pg';

const ROWS_PER_STATEMENT = 100;
const BYTES_PER_ROW = 300;
const MEASURE_MS = 3_000;

/** Rows per second, one statement of 100 rows in flight, in a table that is dropped again. */
export async function calibrate(url: string): Promise<{ rowsPerSecond: number; postgres: string }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const version = await client.query<{ server_version: string }>('SHOW server_version');
    await client.query('CREATE TABLE bench_calibration (slot INT4, id INT8, body BYTEA, PRIMARY KEY (slot, id))');
    const blob = Buffer.alloc(BYTES_PER_ROW * ROWS_PER_STATEMENT, 7);
    let rows = 0;
    const insert = async (): Promise<void> => {
      const ids = Array.from({ length: ROWS_PER_STATEMENT }, (_, index) => rows + index);
      await client.query({
        name: 'calibrate',
        text: `INSERT INTO bench_calibration (slot, id, body)
               SELECT (t.id % 4096)::INT4, t.id, substr($2::BYTEA, t.n::INT4 * $3::INT4 + 1, $3::INT4)
               FROM unnest($1::INT8[], $4::INT8[]) AS t(id, n)`,
        values: [ids, blob, BYTES_PER_ROW, ids.map((_, index) => index)],
      });
      rows += ROWS_PER_STATEMENT;
    };
    for (const until = performance.now() + MEASURE_MS / 3; performance.now() < until; ) await insert();
    const before = rows;
    const begin = performance.now();
    while (performance.now() - begin < MEASURE_MS) await insert();
    const rowsPerSecond = (rows - before) / ((performance.now() - begin) / 1_000);
    await client.query('DROP TABLE bench_calibration');
    return { rowsPerSecond, postgres: version.rows[0]?.server_version ?? 'unknown' };
  } finally {
    await client.end();
  }
}
