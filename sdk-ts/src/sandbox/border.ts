// The shapes on both sides of the sandbox's border.

import type { ScopeNode } from '../workflow/run.ts';
import type { HostText } from './realm/text.ts';

/** What the host asks for. */
export const OP = { describe: 0, begin: 1, go: 2, measure: 3, explain: 4 } as const;

/**
 * How an entry ended. `drain`: call again. `block`: call again, others may go first. `done`, `closed`, `queries`, `failed`: the answer holds
 * bytes. `broken`: the canary died, throw the context away.
 */
export const STATUS = { drain: 0, block: 1, done: 2, closed: 3, queries: 4, failed: 5, needHistory: 6, broken: 7 } as const;

/** The library's functions for the host. None but `enter` (by way of the entry script) runs user code. */
export interface Door {
  /** A fresh array of the context for bytes to be copied into. */
  alloc(size: number): Uint8Array;
  /** Facts of the task that the next entry begins; ids are those of events, `started` is ms since 1970. */
  putFacts(
    workflowType: string,
    base: bigint,
    seen: bigint,
    started: number,
    historyFrom: bigint,
    historyBytes: number,
    suggested: boolean,
    queryOnly: boolean,
  ): void;
  /** What that task asks beside, if anything: a WorkflowTask with its queries, updates and attempt only. */
  putAsked(bytes: Uint8Array): void;
  /** Arms the next entry; to begin a task its bytes are the history. */
  put(op: number, runId: string, bytes: Uint8Array | undefined): void;
  status(): number;
  answer(): Uint8Array | string;
  /** Between tasks no run is current. */
  leave(): void;
  drop(runId: string): void;
  /** Whether the last entry ended in a block of the log. */
  replaying(): boolean;
  /** What the next entry for OP.explain makes text of. */
  explain(reason: unknown): void;
  hasLogs(): boolean;
  /** JSON of the lines since the last call. */
  takeLogs(): string;
}

/** The host's functions for the library. They take and answer text, or pass objects of the context through untouched. */
export interface LibraryHost extends HostText {
  runInScope<T>(scope: ScopeNode, fn: () => T): T;
  currentScope(): ScopeNode | undefined;
  parseUrl(input: string, base: string, part: string, value: string): string;
}

/** Settings in the form that crosses the border: made from JSON inside. */
export interface LibrarySettings {
  readonly namespace: string;
  /** Name of the user's script in stacks. */
  readonly script: string;
  readonly buildId: string;
  readonly strict: boolean;
  readonly failureTypes: Readonly<Record<string, readonly string[]>>;
  readonly modules: readonly string[];
  /** The module that exports `payloadConverter`; '' is the default converter. */
  readonly converterModule: string;
  /** Modules that export `interceptors`. */
  readonly interceptorModules: readonly string[];
}

/** The user's bundle for one run: module name → function that evaluates it. */
export type UserFactory = (
  api: object,
  shared: object,
  runGlobal: object,
  self: object,
  global: object,
) => Readonly<Record<string, () => object>>;
