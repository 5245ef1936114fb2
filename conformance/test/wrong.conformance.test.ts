// Holds the suite to what it must notice: a worker of plain generated code passes, and with one mistake exactly the features that it breaks fail.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { startServices } from '../harness/service.ts';
import { type Result, runSuite } from '../harness/suite.ts';
import { readSdk } from '../harness/worker-process.ts';

/** Which features fail by which mistake. */
const BROKEN: Readonly<Record<string, readonly string[]>> = {
  none: [],
  'answers-early': ['query/up-to-date'],
  'closes-first': ['cancel/cleans-up', 'replay/order'],
  'drops-signals': ['activity/cancel-reaches-code', 'query/up-to-date', 'replay/order'],
  'hides-failures': ['activity/non-retryable', 'activity/retries'],
  'ignores-cancel': ['cancel/cleans-up'],
  'results-first': ['replay/order'],
  'reuses-numbers': ['activity/non-retryable', 'task/steps-in-a-row'],
  'skips-failures': ['activity/non-retryable', 'activity/retries'],
  // In replay/order a new process takes the second task, and has no older token.
  'stale-token': [
    'activity/cancel-reaches-code',
    'activity/non-retryable',
    'activity/retries',
    'cancel/cleans-up',
    'query/up-to-date',
    'task/steps-in-a-row',
  ],
  'works-on': ['activity/cancel-reaches-code'],
};

const LANES = 4;

const sdk = readSdk('wrong');
const results = new Map<string, readonly Result[]>();

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-wrong-'));
  const services = await startServices();
  try {
    const { address } = await services.start();
    const waiting = Object.keys(BROKEN);
    // Most of a failure is waiting for what does not come; more at once, and what is right would come late too.
    const lane = async (): Promise<void> => {
      for (let mistake = waiting.shift(); mistake !== undefined; mistake = waiting.shift()) {
        const path = join(folder, `${mistake}.json`);
        writeFileSync(path, JSON.stringify({ ...sdk, command: [...sdk.command, mistake] }));
        results.set(mistake, await runSuite({ sdk: path, glob: sdk.features?.join(','), address }, () => {}));
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    await services.stop();
    rmSync(folder, { recursive: true });
  }
}, 280_000);

test.for(Object.entries(BROKEN))('%s', ([mistake, broken]) => {
  const played = results.get(mistake) ?? [];
  const failed = played.filter(({ verdict }) => verdict === 'failed');
  const names = failed.map(({ feature }) => feature);
  expect(names, failed.flatMap(({ notes }) => notes).join('\n')).toEqual(broken);
  expect(played.filter(({ verdict }) => verdict === 'passed')).toHaveLength((sdk.features?.length ?? 0) - broken.length);
});
