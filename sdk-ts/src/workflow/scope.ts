// The public face of cancellation: scopes that user code opens.

import { type Duration, toMs } from '../common/duration.ts';
import { CancelledFailure } from '../common/failure.ts';
import { cancelScope, createScope, onScopeCancel, scopeOf } from './cancellation.ts';
import { currentRun, getHost, type ScopeNode, writableRun } from './run.ts';
import { startTimer } from './timer.ts';

/** For the constructor: the scope that it is to stand for. */
let shown: ScopeNode | undefined;

/**
 * A part of a workflow that can be cancelled, or protected from cancellation, as a whole.
 * Activities, timers and conditions started inside belong to it.
 */
export class CancellationScope {
  readonly #node: ScopeNode;
  #requested: Promise<never> | undefined;
  readonly #parent: ScopeNode;
  #leave: (() => void) | undefined;
  #runs = 0;

  /** A scope inside the current one. `cancellable: false` protects from cancellation outside. */
  constructor(options: { cancellable?: boolean } = {}) {
    if (shown !== undefined) {
      this.#node = shown;
      this.#parent = shown.parent ?? shown;
      return;
    }
    const run = writableRun('CancellationScope');
    const parent = scopeOf(run);
    this.#node = createScope(run, parent, options.cancellable ?? true);
    this.#node.face = this;
    this.#parent = parent;
    this.#join();
  }

  /** The scope the calling code is in; the outermost one is the workflow's: cancelling it is like a cancel request to the run. */
  static current(): CancellationScope {
    const node = scopeOf(currentRun('CancellationScope.current'));
    if (node.face === undefined) {
      shown = node;
      try {
        node.face = new CancellationScope();
      } finally {
        shown = undefined;
      }
    }
    return node.face as CancellationScope;
  }

  /** Cancelled with the parent from here on, and if it is cancelled already. */
  #join(): void {
    const parent = this.#parent;
    if (parent === this.#node) return;
    if (!this.#node.cancellable || this.#leave !== undefined || this.#node.cancelled !== undefined) return;
    if (parent.cancelled !== undefined) cancelScope(this.#node, parent.cancelled);
    else this.#leave = onScopeCancel(parent, (cause) => cancelScope(this.#node, cause));
  }

  /** Runs `fn` in this scope. Rejects with what `fn` throws; with CancelledFailure when its steps were cancelled. */
  async run<T>(fn: () => Promise<T>): Promise<T> {
    this.#join();
    this.#runs += 1;
    try {
      return await getHost().runInScope(this.#node, fn);
    } finally {
      this.#runs -= 1;
      // A loop that makes scopes must not fill the parent's list; steps still open keep their scope in it.
      if (this.#runs === 0 && this.#node.onCancel.size === (this.#requested === undefined ? 0 : 1)) {
        this.#leave?.();
        this.#leave = undefined;
      }
    }
  }

  /** Cancels everything in this scope: what waits in it rejects with a CancelledFailure that says `reason`. Does nothing the second time. */
  cancel(reason?: string): void {
    writableRun('CancellationScope.cancel');
    cancelScope(this.#node, new CancelledFailure(reason ?? 'the scope was cancelled'));
  }

  /** Whether this scope was cancelled, by itself or with one around it. */
  get cancelRequested(): boolean {
    return this.#node.cancelled !== undefined;
  }

  /** Rejects with CancelledFailure when the scope is cancelled; else never settles. After `run` has ended, ask again. */
  get whenCancelled(): Promise<never> {
    writableRun('CancellationScope.whenCancelled');
    this.#join();
    this.#requested ??= whenCancelled(this.#node);
    return this.#requested;
  }

  /** Runs `fn` in a new scope that is cancelled with the current one. */
  static cancellable<T>(fn: () => Promise<T>): Promise<T> {
    return new CancellationScope().run(fn);
  }

  /** Runs `fn` so that cancellation outside does not reach it: for cleaning up. */
  static nonCancellable<T>(fn: () => Promise<T>): Promise<T> {
    return new CancellationScope({ cancellable: false }).run(fn);
  }

  /** Runs `fn` in a new scope that is cancelled after `timeout`, unless `fn` has ended by then. */
  static async withTimeout<T>(timeout: Duration, fn: () => Promise<T>): Promise<T> {
    const ms = toMs(timeout, 'timeout');
    const scope = new CancellationScope();
    // Nothing in it can wait any more.
    if (scope.cancelRequested) return await scope.run(fn);
    const stop = startTimer(ms, 'CancellationScope.withTimeout', CancellationScope.withTimeout, () =>
      cancelScope(scope.#node, new CancelledFailure(`cancelled after ${ms} ms`)),
    );
    try {
      return await scope.run(fn);
    } finally {
      stop();
    }
  }

  /** Runs `fn` protected; the returned promise still rejects with CancelledFailure at once when the current scope is cancelled. */
  static shield<T>(fn: () => Promise<T>): Promise<T> {
    const outer = scopeOf(writableRun('CancellationScope.shield'));
    const work = CancellationScope.nonCancellable(fn);
    if (outer.cancelled !== undefined) return Promise.race([Promise.reject(outer.cancelled), work]);
    return new Promise<T>((resolve, reject) => {
      const leave = onScopeCancel(outer, reject);
      work.then(resolve, reject).finally(leave);
    });
  }
}

function whenCancelled(scope: ScopeNode): Promise<never> {
  const promise = new Promise<never>((_, reject) => {
    if (scope.cancelled !== undefined) reject(scope.cancelled);
    else onScopeCancel(scope, reject);
  });
  // Nobody has to listen.
  promise.catch(() => {});
  return promise;
}
