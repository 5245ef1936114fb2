// How fast this machine is right now: the rate of the commit statement alone, so that figures of noisy machines can be compared by ratio.
import pg from 'pg';
import { migrate } from '../service/src/store/migrations/migrate.ts';
import { createPostgresStore } from '../service/src/store/postgres/store.ts';
import { measureCommits } from './commit-load.ts';

const DATABASE = 'bench_calibration';
const NODE_ID = '00000000-0000-7000-8000-000000000001';
const WARM_UP_SECONDS = 1;
const MEASURE_SECONDS = 3;

export interface Calibration {
  /** Workflows of four commits each, `concurrency` records per statement. */
  readonly workflowsPerSecond: number;
  readonly postgres: string;
}

/** Measures in a database of its own on the server of `url`, which it drops again. */
export async function calibrate(url: string, concurrency: number): Promise<Calibration> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  try {
    const version = await admin.query<{ server_version: string }>('SHOW server_version');
    await admin.query(`CREATE DATABASE ${DATABASE}`);
    const own = new URL(url);
    own.pathname = `/${DATABASE}`;
    const workflowsPerSecond = await measureIn(own.href, concurrency);
    await admin.query(`DROP DATABASE ${DATABASE}`);
    return { workflowsPerSecond, postgres: version.rows[0]?.server_version ?? 'unknown' };
  } finally {
    await admin.end();
  }
}

async function measureIn(url: string, concurrency: number): Promise<number> {
  await migrate(url);
  const store = createPostgresStore({ url });
  try {
    await store.registerNode({ nodeId: NODE_ID, address: '', roles: '', version: '' });
    await measureCommits(store, NODE_ID, concurrency, WARM_UP_SECONDS);
    return (await measureCommits(store, NODE_ID, concurrency, MEASURE_SECONDS)).workflowsPerSecond;
  } finally {
    await store.close();
  }
}
