// `npm run conformance -- [--sdk ts] [--feature glob] [--address host:port] [--update] [--record [--reason text]] [--junit file] [--json file]`
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { lastLine, progressLine, summaryTable, toJson, toJunit } from './report.ts';
import { type Result, runSuite } from './suite.ts';

const USAGE = `usage: npm run conformance -- [options]
  --sdk name           a descriptor of conformance/sdks, or a path to one (default ts)
  --feature glob       features to run, for example activity/* or activity,timer (default all)
  --address host:port  a service that runs; default: one of its own with an own database
  --namespace name     default "default"
  --update             write history.txt, and record histories that were not yet
  --record             record the histories of these features anew
  --reason text        why a recorded history changes; goes into CHANGELOG.md
  --concurrency n      features at once (default 12)
  --junit file         write the results as JUnit XML
  --json file          write the results as JSON`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const options = {
  sdk: text,
  feature: text,
  address: text,
  namespace: text,
  concurrency: text,
  junit: text,
  json: text,
  update: flag,
  record: flag,
  reason: text,
  help: flag,
} as const;

async function main(): Promise<number> {
  const { values } = parseArgs({ options });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const concurrency = values.concurrency === undefined ? undefined : Number(values.concurrency);
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency > 0))
    throw new Error(`--concurrency: ${values.concurrency} is not a whole number from 1`);
  const sdk = values.sdk ?? 'ts';
  const { address, namespace, update, record, reason, feature: glob } = values;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const results: Result[] = await runSuite(
    { abort: stop.signal, sdk, glob, address, namespace, update, record, reason, concurrency },
    (result, done, all) => process.stdout.write(`${progressLine(result, done, all)}\n`),
  );
  if (values.junit !== undefined) writeFileSync(values.junit, toJunit(results, sdk));
  if (values.json !== undefined) writeFileSync(values.json, toJson(results, sdk));
  process.stdout.write(`\n${summaryTable(results)}\n\n${lastLine(results)}\n`);
  return results.some(({ verdict }) => verdict === 'failed') ? 1 : 0;
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`conformance: ${(error as Error).message}\n`);
  process.exit(2);
}
