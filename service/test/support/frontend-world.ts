/** A frontend on the memory store and real matching, with a history that answers as told and remembers what it was asked. */
import type { WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import { NO_FOLLOW_UP } from '../../src/core/follow-up.ts';
import { createFrontend, type Frontend } from '../../src/frontend/service.ts';
import { createMatching, type Matching } from '../../src/matching/service.ts';
import type { HistoryRole } from '../../src/roles.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../../src/store/memory/database.ts';
import { createMemoryStore, type StoreFaults } from '../../src/store/memory/store.ts';
import { DEFAULT_NAMESPACE, EMPTY_CONFIG } from '../../src/store/seed.ts';
import { signActivityToken, signWorkflowToken } from '../../src/tokens.ts';
import { createManualEnv, type ManualEnv } from './manual-env.ts';

export const tokenKey: Uint8Array = new Uint8Array(32).fill(5);
export const namespaceId: string = DEFAULT_NAMESPACE.namespaceId;
export const spareNamespaceId = '00000000-0000-7000-8000-0000000000aa';
export const runId = '01890000-0000-7000-8000-000000000001';
export const worker: WorkerInfo = { workerId: 'w', identity: 'me', buildId: 'b', sdkName: 's', sdkVersion: '1' };

/** Asked of history, in order. */
export interface Asked {
  readonly method: string;
  readonly args: readonly unknown[];
}

export interface FrontendWorld {
  readonly env: ManualEnv;
  readonly frontend: Frontend;
  readonly matching: Matching;
  readonly database: MemoryDatabase;
  readonly asked: Asked[];
  /** Overrides answers by method. */
  readonly script: { -readonly [K in keyof HistoryRole]?: (...args: never[]) => unknown };
  readonly faults: StoreFaults;
  /** Traces that were logged. */
  readonly logged: unknown[];
}

/** History takes everything unless `script` says otherwise. */
export function createFrontendWorld(): FrontendWorld {
  const env = createManualEnv();
  const database = createMemoryDatabase();
  declare(database);
  const faults: StoreFaults = {};
  const store = createMemoryStore({ now: env.now, database, faults });
  const asked: Asked[] = [];
  const script: FrontendWorld['script'] = {};
  const history = new Proxy({} as HistoryRole, {
    get:
      (_target, method: keyof HistoryRole) =>
      async (...args: unknown[]) => {
        asked.push({ method, args });
        const scripted = script[method] as ((...given: unknown[]) => unknown) | undefined;
        return scripted === undefined ? defaultAnswer(method, args) : scripted(...args);
      },
  });
  const logged: unknown[] = [];
  const matching = createMatching({ env, history: () => history });
  const log = (_level: string, _message: string, fields?: unknown): number => logged.push(fields);
  const frontend = createFrontend({ env, history, matching, store, tokenKey, version: '1.2.3', log });
  return { env, frontend, matching, database, asked, script, faults, logged };
}

/** The search attributes that tests set, and a namespace besides "default". */
function declare(database: MemoryDatabase): void {
  const numbered = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`k${i}`, 'int' as const]));
  const config = { ...EMPTY_CONFIG, searchAttributes: { ...numbered, a: 'keyword', b: 'keywordList', c: 'datetime' } as const };
  database.namespaces.set('default', { ...DEFAULT_NAMESPACE, config });
  database.namespaces.set('spare', { ...DEFAULT_NAMESPACE, name: 'spare', namespaceId: spareNamespaceId });
}

/** A call that nobody aborts. */
export const call = { abort: new AbortController().signal };

export function workflowTokenBytes(inNamespace: string = namespaceId, nonce = 'n1'): Uint8Array {
  return signWorkflowToken(tokenKey, {
    namespaceId: inNamespace,
    workflowId: 'wf',
    runId,
    nonce,
    baseEventId: 0n,
    seenEventId: 1n,
    startedTimeMs: 0n,
    historyBytes: 0n,
    continueAsNewSuggested: false,
    queryOnly: false,
  });
}

export function activityTokenBytes(inNamespace: string = namespaceId, number = 1): Uint8Array {
  const attempt = { namespaceId: inNamespace, workflowId: 'wf', runId, number, attempt: 1, startNumber: 1 };
  return signActivityToken(tokenKey, { ...attempt, ...NO_FOLLOW_UP });
}

function defaultAnswer(method: keyof HistoryRole, args: readonly unknown[]): unknown {
  const items = (args[0] ?? []) as readonly unknown[];
  switch (method) {
    case 'startWorkflow':
    case 'signalWithStartWorkflow':
      return { runId, started: true };
    case 'updateWorkflow':
    case 'awaitUpdate':
    case 'updateWithStartWorkflow':
      return { runId, started: true, stage: 1, outcome: undefined };
    case 'signalWorkflow':
      return { runId };
    case 'resetWorkflow':
      return { runId, baseRunId: runId, keptEventId: 1 };
    case 'queryWorkflow':
      return { $case: 'result', value: { encoding: '', data: new Uint8Array(0), metadata: {} } };
    case 'awaitResults':
      return [];
    case 'completeWorkflowTasks': {
      const ok = { $case: 'ok' as const, value: { completedEventId: 3n, closed: false, nextTask: undefined, prolonged: false } };
      return { results: (args[1] as readonly unknown[]).map(() => ({ outcome: ok })), answerId: '', activityTasks: [] };
    }
    case 'heartbeatActivities':
      return items.map(() => ({ answer: { cancelRequested: false, paused: false, reset: false }, error: undefined }));
    case 'changeActivity':
      return { runId, options: undefined };
    case 'completeActivities':
      return {
        ends: (args[1] as readonly unknown[]).map(() => ({ error: undefined, followUp: undefined })),
        answerId: '',
        activityTasks: [],
      };
    case 'failWorkflowTasks':
    case 'completeQueries':
      return items.map(() => undefined);
    default:
      return undefined;
  }
}
