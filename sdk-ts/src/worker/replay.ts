/** Replays stored histories with workflow code as it is now, without a service: in tests before a deployment. */
import { History } from '@perdure/proto/perdure/api/v1/event';
import { decodeMessage, hasCodecs } from '../common/data-converter.ts';
import { failureToError } from '../common/failure.ts';
import { defaultPayloadConverter } from '../common/payload-converter.ts';
import { type BundleOptions, bundleWorkflows } from '../sandbox/bundle.ts';
import { createInlineEngine } from '../sandbox/inline.ts';
import type { WorkflowBundle } from './engine.ts';
import type { WorkerDataConverter, WorkerOptions } from './options.ts';

/** What is replayed, and with which code. */
export interface ReplayOptions {
  /** Files or directories of workflow code, or a bundle made by `bundleWorkflows`. */
  workflows: string | URL | readonly (string | URL)[] | WorkflowBundle;
  /** The whole log of one run: what `handle.fetchHistory()` gives, or its encoded bytes. */
  history: History | Uint8Array;
  /** Compare the recorded inputs of steps too. Default true. */
  strict?: boolean;
  /** Converter and codecs the history was written with: with codecs its payloads are decoded first. */
  dataConverter?: WorkerDataConverter;
  /** As of the worker. */
  workflowInterceptors?: readonly (string | URL)[];
  failureTypes?: NonNullable<WorkerOptions['failureTypes']>;
}

/** Any limit does: nobody waits for a replay. */
const TIMEOUT_MS = 10_000n;

/**
 * Resolves when the code asks for exactly what the history holds. Rejects with NondeterminismError naming both steps, and with what the
 * code throws where the history holds no failure. A run that had no workflow task yet is as good as replayed.
 */
export async function replay(options: ReplayOptions): Promise<void> {
  const { workflows, strict = true, failureTypes } = options;
  const { events } = await readable(options);
  const begin = events.map(({ attributes }) => attributes).find((attributes) => attributes?.$case === 'workflowStarted')?.value;
  if (begin === undefined) throw new TypeError('history: holds no start; it must begin with the first event');
  const last = events.findLast(({ attributes }) => attributes?.$case === 'workflowTaskCompleted');
  if (last?.attributes?.$case !== 'workflowTaskCompleted') return;
  const { seenEventId, startedTime, historyBytes, continueAsNewSuggested } = last.attributes.value;
  const bundle =
    typeof workflows === 'object' && 'library' in workflows ? workflows : await bundleWorkflows(workflows, bundleOptions(options));
  const { taskQueue, workflowId, workflowType, runId } = begin;
  const settings = { bundle, namespace: 'default', taskQueue, strict, ...(failureTypes && { failureTypes }), log: () => {} };
  const engine = await createInlineEngine(settings);
  try {
    const answer = await engine.activate({
      token: new Uint8Array(0),
      execution: { workflowId, runId },
      workflowType,
      taskQueue,
      attempt: 1,
      baseEventId: last.id,
      seenEventId,
      startedTime,
      historyBytes,
      continueAsNewSuggested,
      history: History.encode({ events }).finish(),
      historyFromEventId: 1n,
      historyNextEventId: 0n,
      queries: [],
      updates: [],
      // Nothing new is asked for: only the log's own blocks are run.
      queryOnly: true,
      taskTimeoutMs: TIMEOUT_MS,
    });
    if (answer.kind === 'failed') throw failureToError(answer.failure, defaultPayloadConverter);
    if (answer.kind !== 'queries') throw new Error(`the history of run ${runId} cannot be replayed: ${answer.kind}`);
  } finally {
    await engine.close();
  }
}

/** The history as it was before codecs changed it; the given one stays as it is. */
async function readable({ history, dataConverter = {} }: ReplayOptions): Promise<History> {
  const bytes = history instanceof Uint8Array;
  if (!hasCodecs(dataConverter)) return bytes ? History.decode(history) : history;
  const copy = History.decode(bytes ? history : History.encode(history).finish());
  await decodeMessage(dataConverter, copy);
  return copy;
}

/** What the bundler needs of a worker's options. */
export function bundleOptions(options: {
  readonly dataConverter?: WorkerDataConverter | undefined;
  readonly workflowInterceptors?: readonly (string | URL)[] | undefined;
}): BundleOptions {
  const { dataConverter, workflowInterceptors } = options;
  return {
    ...(dataConverter?.payloadConverterModule !== undefined && { payloadConverterModule: dataConverter.payloadConverterModule }),
    ...(workflowInterceptors !== undefined && { interceptorModules: workflowInterceptors }),
  };
}
