// What a feature's scenario.yaml holds; contract/scenario.schema.json says the same to editors and to the loader.
import type { Json, JsonObject } from './values.ts';

/** A call of the client to one run, named in the scenario. */
interface OfRun {
  readonly run: string;
}

export interface StartStep extends OfRun {
  readonly type: string;
  readonly input?: readonly Json[];
  /** Other fields of StartWorkflowRequest. */
  readonly [field: string]: Json | undefined;
}

export interface RpcStep {
  readonly method?: string;
  /** In place of a method's: for methods that do not exist. */
  readonly path?: string;
  readonly request?: Json;
  /** Hexadecimal bytes in place of an encoded request. */
  readonly bytes?: string;
  /** Hexadecimal bytes behind the encoded request. */
  readonly append?: string;
  /** Leaves out as many bytes at the end of the request. */
  readonly truncate?: number;
  readonly gzip?: boolean;
  readonly deadline?: string;
}

export interface PollStep {
  readonly kind: 'workflow' | 'activity';
  /** Name under which the task is kept. */
  readonly task: string;
  /** Default: the scenario's own queue. */
  readonly queue?: string;
  /** Which raw worker polls. Default "raw". */
  readonly worker?: string;
  /** Whether the answer is acknowledged at once. Default true. */
  readonly acknowledge?: boolean;
  readonly stickyOnly?: boolean;
}

export interface CompleteStep {
  readonly task: string;
  readonly worker?: string;
  /** For a workflow task. */
  readonly commands?: readonly Json[];
  /** For an activity task: what it returned. Absent: no result. */
  readonly result?: Json;
  /** For an activity task that had `followUp`: fields of WorkflowTaskCompletion, and startedTime (default: the attempt's). */
  readonly followUp?: JsonObject;
  /** Name for the next task of the run, if it comes with the answer. */
  readonly next?: string;
  /** Other fields of WorkflowTaskCompletion: sticky, variables, queryResults … */
  readonly [field: string]: Json | undefined;
}

export interface FailStep {
  readonly task: string;
  readonly worker?: string;
  readonly failure?: Json;
  /** For a workflow task. */
  readonly cause?: string;
}

/** One thing to do. */
export interface Verbs {
  readonly start?: StartStep;
  readonly signal?: OfRun & { readonly name: string; readonly input?: readonly Json[]; readonly requestId?: string };
  readonly query?: OfRun & { readonly type: string; readonly args?: readonly Json[]; readonly rejectCondition?: string };
  readonly update?: OfRun & {
    readonly name: string;
    readonly args?: readonly Json[];
    readonly updateId?: string;
    readonly waitStage?: string;
    readonly waitTimeout?: string;
  };
  /** Other fields of StartWorkflowRequest. */
  readonly signalWithStart?: OfRun & {
    readonly type: string;
    readonly name: string;
    readonly signalInput?: readonly Json[];
    readonly input?: readonly Json[];
    readonly [field: string]: unknown;
  };
  readonly cancel?: OfRun & { readonly reason?: string; readonly requestId?: string };
  readonly terminate?: OfRun & { readonly reason?: string; readonly details?: readonly Json[]; readonly requestId?: string };
  readonly describe?: OfRun;
  readonly result?: OfRun;
  /** Waits until the history holds that many such events. */
  readonly event?: OfRun & { readonly kind: string; readonly count?: number; readonly attributes?: Json };
  readonly rpc?: RpcStep;
  readonly poll?: PollStep;
  readonly complete?: CompleteStep;
  readonly fail?: FailStep;
  readonly heartbeat?: { readonly task: string; readonly worker?: string; readonly details?: Json };
  /** Reports that an activity stopped because it was asked to. */
  readonly canceled?: { readonly task: string; readonly worker?: string; readonly details?: readonly Json[] };
  /** Answers the queries of a query-only task, in their order. */
  readonly answer?: {
    readonly task: string;
    readonly worker?: string;
    readonly results?: readonly Json[];
    readonly cause?: string;
    readonly failure?: Json;
  };
  /** Hands tasks back. */
  readonly giveBack?: { readonly untouched?: readonly string[]; readonly begun?: readonly string[]; readonly worker?: string };
  /** A function of the feature's client code. */
  readonly client?: { readonly call: string; readonly args?: readonly Json[] };
  /** Replays these bytes of a history with the feature's code. */
  readonly replay?: { readonly history: Json };
  /** The SDK worker of this feature alone. */
  readonly worker?: 'start' | 'stop' | 'kill' | 'freeze' | 'thaw' | { readonly start: JsonObject };
  /** The service of this feature alone. */
  readonly service?: 'start' | 'stop' | 'kill' | 'freeze' | 'thaw';
  /** What was captured, for `expect` to compare. */
  readonly value?: Json;
  /** A line the SDK worker logged about a run of this feature. */
  readonly log?: JsonObject;
  /** Waits for a step that runs in the background. */
  readonly join?: string;
  readonly repeat?: { readonly times: number; readonly steps: readonly Step[] };
}

export type Verb = keyof Verbs;

/** A verb, and what its answer must be. */
export interface Step extends Verbs {
  readonly expect?: Json;
  /** The refusal that must come. */
  readonly error?: JsonObject;
  /** Repeats a step that reads until its answer is so. */
  readonly until?: Json;
  /** Names for parts of the answer: name → path. */
  readonly capture?: Readonly<Record<string, string>>;
  /** Runs the step beside those that follow, until `join` of this name. */
  readonly background?: string;
  /** How long the step may take. Default 20 s. */
  readonly within?: string;
}

export interface Scenario {
  /** What the SDK must implement: empty when the harness plays all parts. */
  readonly parts: readonly ('workflow' | 'activity' | 'client' | 'replay')[];
  /** `own`: a worker process for this feature alone, which its steps may stop and kill. Default shared. */
  readonly worker?: 'shared' | 'own';
  /** Options of that process. */
  readonly options?: JsonObject;
  /** `own`: a service and database for this feature alone. Default shared. */
  readonly service?: 'shared' | 'own';
  /** Runs whose history is compared with history.txt at the end. Default: all that were started, in that order. */
  readonly histories?: readonly string[];
  /** False: histories of this feature are neither replayed nor recorded, because … */
  readonly noReplay?: string;
  readonly steps: readonly Step[];
}

export const VERBS: readonly Verb[] = [
  'start',
  'signal',
  'query',
  'update',
  'signalWithStart',
  'cancel',
  'terminate',
  'describe',
  'result',
  'event',
  'rpc',
  'poll',
  'complete',
  'fail',
  'heartbeat',
  'canceled',
  'answer',
  'giveBack',
  'client',
  'replay',
  'worker',
  'service',
  'value',
  'log',
  'join',
  'repeat',
];

export function verbOf(step: Step): Verb {
  const found = VERBS.filter((verb) => step[verb] !== undefined);
  const [verb] = found;
  if (verb === undefined || found.length > 1)
    throw new Error(`a step has one of ${VERBS.join(', ')}; this has ${found.join(' and ') || 'none'}`);
  return verb;
}
