// A new run from its first event.

import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { timestampToMs } from '../common/duration.ts';
import type { PayloadConverter } from '../common/payload-converter.ts';
import { createScope } from './cancellation.ts';
import { seedRandom } from './random.ts';
import type { Run } from './run.ts';

export interface RunSettings {
  readonly namespace: string;
  readonly converter: PayloadConverter;
  readonly failureTypes: ReadonlySet<string>;
}

const NO_PATCHES: ReadonlySet<string> = new Set();

function mapOf(record: Readonly<Record<string, Payload>>): Map<string, Payload> {
  const map = new Map<string, Payload>();
  for (const key in record) map.set(key, record[key] as Payload);
  return map;
}

/** The run as it is before its first activation. */
export function createRun(event: HistoryEvent, settings: RunSettings): Run {
  if (event.attributes?.$case !== 'workflowStarted') throw new Error(`event ${event.id} is not the start of a workflow`);
  const started = event.attributes.value;
  const stream = seedRandom(started.randomSeed);
  const run: Omit<Run, 'root'> & { root: Run['root'] | undefined } = {
    runId: started.runId,
    // One by one: after a spread every further property of the literal would take the slow way.
    namespace: settings.namespace,
    converter: settings.converter,
    interceptors: undefined,
    failureTypes: settings.failureTypes,
    started,
    startTime: timestampToMs(event.time),
    now: timestampToMs(event.time),
    seenEventId: 0n,
    historyBytes: 0,
    continueAsNewSuggested: false,
    replaying: true,
    flags: new Set(),
    stream,
    random: stream,
    commands: [],
    readOnly: undefined,
    lastActivity: 0,
    lastTimer: 0,
    lastChild: 0,
    lastExternal: 0,
    activities: new Map(),
    timers: new Map(),
    children: new Map(),
    externals: new Map(),
    lastSideEffect: 0,
    patches: new Set(),
    block: undefined,
    blockPatches: NO_PATCHES,
    mismatch: false,
    conditions: [],
    root: undefined,
    signalHandlers: new Map(),
    defaultSignalHandler: undefined,
    waitingSignals: [],
    queryHandlers: new Map(),
    defaultQueryHandler: undefined,
    updateHandlers: new Map(),
    defaultUpdateHandler: undefined,
    waitingUpdates: [],
    rejectedUpdates: [],
    runningHandlers: new Set(),
    awaitHandlers: true,
    variables: new Map(),
    changedVariables: new Set(),
    memo: mapOf(started.memo),
    searchAttributes: started.searchAttributes,
    module: undefined,
    outcome: undefined,
    closed: false,
  };
  run.root = createScope(run as Run, undefined, true);
  return run as Run;
}
