// Runs features against a service: prepares it and the SDK's worker, plays many features at once, and tells what became of each.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { type Feature, featureNames, loadFeature, root } from './features.ts';
import { playFeature, type Suite, sharedQueue, terminateAll } from './play.ts';
import { startServices, untilServing } from './service.ts';
import { connect } from './wire.ts';
import { prepareSdk, readSdk, type Sdk, startWorker } from './worker-process.ts';

export interface SuiteOptions {
  /** A name of conformance/sdks, or a path to a descriptor. */
  readonly sdk: string;
  /** Comma-separated globs of features; a concept alone means all of it. */
  readonly glob?: string | undefined;
  /** host:port of a service that runs; default: one of its own. */
  readonly address?: string | undefined;
  readonly namespace?: string | undefined;
  readonly update?: boolean | undefined;
  readonly record?: boolean | undefined;
  /** Why recorded histories change. */
  readonly reason?: string | undefined;
  /** Ends the suite early, cleaning up. */
  readonly abort?: AbortSignal | undefined;
  /** Features at once. */
  readonly concurrency?: number | undefined;
}

export type Verdict = 'passed' | 'failed' | 'skipped';

export interface Result {
  readonly feature: string;
  readonly verdict: Verdict;
  /** Why it failed or was skipped, or what was written. */
  readonly notes: readonly string[];
  readonly seconds: number;
}

const CONCURRENCY = 12;
/** Of these at most so many with processes of their own: more would only start slowly. */
const WITH_PROCESSES = 3;
/** A service that somebody else started runs, or does not. */
const GIVEN_MS = 3_000;

/** Feature → reason. */
export function knownFailures(): Map<string, string> {
  const lines = readFileSync(join(root, 'known-failures.txt'), 'utf8').split('\n');
  const entries = lines
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => /^(\S+)\s+(\S.*)$/.exec(line) ?? [line, line, '']);
  return new Map(entries.map(([, feature = '', reason = '']) => [feature, reason]));
}

/** Plays the features; calls back with each result as it comes. Rejects when the service or the SDK cannot be started. */
export async function runSuite(options: SuiteOptions, onResult: (result: Result, done: number, all: number) => void): Promise<Result[]> {
  const sdk = readSdk(options.sdk);
  const names = featureNames(options.glob);
  if (names.length === 0) throw new Error(`no feature matches ${options.glob}`);
  const known = knownFailures();
  const results: Result[] = [];
  const tell = (result: Result): void => {
    results.push(result);
    onResult(result, results.length, names.length);
  };
  const features: Feature[] = [];
  for (const name of names) {
    try {
      const feature = loadFeature(name);
      const reason = reasonToSkip(feature, sdk, options);
      if (reason === undefined) features.push(feature);
      else tell({ feature: name, verdict: 'skipped', notes: [reason], seconds: 0 });
    } catch (error) {
      tell({ feature: name, verdict: 'failed', notes: [(error as Error).message], seconds: 0 });
    }
  }
  if (features.length > 0) await withSuite(options, sdk, features, (suite) => playAll(suite, features, known, options, tell));
  return results.sort((a, b) => (a.feature < b.feature ? -1 : 1));
}

function reasonToSkip({ name, scenario }: Feature, sdk: Sdk, { address }: SuiteOptions): string | undefined {
  const missing = scenario.parts.filter((part) => !sdk.parts.includes(part));
  if (missing.length > 0) return `${sdk.name} does not implement ${missing.join(', ')}`;
  if (scenario.parts.length > 0 && sdk.features?.every((glob) => !matchesGlob(name, glob)))
    return `${sdk.name} does not implement this feature`;
  if (scenario.service === 'own' && address !== undefined) return 'it stops the service, which is not ours to stop';
  return undefined;
}

async function withSuite(
  options: SuiteOptions,
  sdk: Sdk,
  features: readonly Feature[],
  play: (suite: Suite) => Promise<void>,
): Promise<void> {
  if (features.some(({ scenario }) => scenario.parts.length > 0)) await prepareSdk(sdk);
  const services = options.address === undefined ? await startServices() : undefined;
  const prefix = `conformance-${Date.now().toString(36)}${randomBytes(2).toString('hex')}/`;
  const namespace = options.namespace ?? 'default';
  try {
    const address = options.address ?? (await (services as NonNullable<typeof services>).start()).address;
    if (services === undefined) await untilServing(address, GIVEN_MS);
    const wire = connect(address);
    const sharing = features.filter(
      ({ scenario }) =>
        scenario.parts.length > 0 && scenario.worker !== 'own' && scenario.service !== 'own' && scenario.options === undefined,
    );
    const order = { address, namespace, taskQueue: sharedQueue(prefix), features: sharing.map(({ name }) => name), options: {} };
    const worker = sharing.length > 0 ? await startWorker(sdk, order) : undefined;
    try {
      const playing = play({
        wire,
        address,
        namespace,
        prefix,
        worker,
        replays: sdk.parts.includes('replay'),
        update: options.update === true,
        record: options.record === true,
        reason: options.reason ?? '',
        connect,
        startWorker: (own) => startWorker(sdk, own),
        startService: services?.start,
      });
      await Promise.race([playing, aborted(options.abort)]);
    } finally {
      await worker?.stop();
      await terminateAll(wire, namespace, prefix);
      wire.close();
    }
  } finally {
    await services?.stop();
  }
}

async function aborted(abort: AbortSignal | undefined): Promise<never> {
  return await new Promise((_, reject) => {
    abort?.addEventListener('abort', () => reject(new Error('stopped; what was started is terminated')), { once: true });
  });
}

/** Several at once: most of a feature is waiting. */
async function playAll(
  suite: Suite,
  features: readonly Feature[],
  known: ReadonlyMap<string, string>,
  options: SuiteOptions,
  tell: (result: Result) => void,
): Promise<void> {
  // Those with processes of their own take longest.
  const waiting = [...features].sort((a, b) => weight(b) - weight(a));
  const next = (lane: number): Feature | undefined => {
    const index = lane < WITH_PROCESSES ? 0 : waiting.findIndex((feature) => weight(feature) === 0);
    return index < 0 ? undefined : waiting.splice(index, 1)[0];
  };
  const playOn = async (_: unknown, lane: number): Promise<void> => {
    for (let feature = next(lane); feature !== undefined && !options.abort?.aborted; feature = next(lane)) {
      const result = await playOne(suite, feature, known);
      // What failed because everything was stopped says nothing.
      if (!options.abort?.aborted) tell(result);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency ?? CONCURRENCY }, playOn));
}

const weight = ({ scenario }: Feature): number => (scenario.service === 'own' ? 2 : 0) + (scenario.worker === 'own' ? 1 : 0);

async function playOne(suite: Suite, feature: Feature, known: ReadonlyMap<string, string>): Promise<Result> {
  const began = performance.now();
  const reason = known.get(feature.name);
  const result = (verdict: Verdict, notes: readonly string[]): Result => ({
    feature: feature.name,
    verdict,
    notes,
    seconds: (performance.now() - began) / 1_000,
  });
  try {
    const written = await playFeature(suite, feature);
    if (reason !== undefined) return result('failed', [`it passes, but known-failures.txt says: ${reason}`]);
    return result('passed', written);
  } catch (error) {
    const message = (error as Error).message;
    return reason === undefined ? result('failed', [message]) : result('skipped', [`known failure: ${reason}`, message]);
  }
}
