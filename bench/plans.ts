// Plans of lists and counts over many runs: fills an embedded database by SQL, prints EXPLAIN ANALYZE of typical filters, and fails
// when one reads a table from end to end. `node bench/plans.ts [runs]`, 1 000 000 unless told.
import { startPostgres } from '../service/src/dev/postgres.ts';
import { parseFilter } from '../service/src/frontend/filter.ts';
import { migrate } from '../service/src/store/migrations/migrate.ts';
import { openAdmin } from '../service/src/store/postgres/admin.ts';
import { FILL_RUNS, planOf, sequentialScans, TYPICAL_FILTERS } from '../service/test/support/store/plans.ts';

const runs = Number(process.argv[2] ?? 1_000_000);
const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
const postgres = await startPostgres({ dataDir: '', ephemeral: true, settings: FAST });
let failed = 0;
try {
  await migrate(postgres.url);
  const admin = await openAdmin(postgres.url);
  const began = Date.now();
  for (const step of FILL_RUNS(runs)) await admin.run(step);
  console.log(`${runs} runs filled in ${Math.round((Date.now() - began) / 1_000)} s`);
  for (const [text, declared] of TYPICAL_FILTERS) {
    const { filter, order } = parseFilter(text, Date.now(), declared);
    const plan = await planOf(admin, filter, order, true);
    const scans = sequentialScans(plan.tree);
    failed += scans.length;
    console.log(`\n${text === '' ? '(all)' : text}   ${plan.ms.toFixed(1)} ms${scans.length > 0 ? `   FAILED: ${scans.join(', ')}` : ''}`);
    console.log(plan.text);
  }
  await admin.close();
} finally {
  await postgres.stop();
}
process.exitCode = failed > 0 ? 1 : 0;
