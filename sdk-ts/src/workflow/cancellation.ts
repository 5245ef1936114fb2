// Cancellation as a tree of scopes. A cancel request to the run cancels the root; steps take part through the scope they were started in.

import { getHost, type Run, type ScopeNode } from './run.ts';

export function createScope(run: Run, parent: ScopeNode | undefined, cancellable: boolean): ScopeNode {
  return { run, parent, cancellable, cancelled: undefined, face: undefined, onCancel: new Set() };
}

/** The scope user code is in; the root of the run unless CancellationScope.run says otherwise. */
export function scopeOf(run: Run): ScopeNode {
  const scope = getHost().currentScope();
  return scope !== undefined && scope.run === run ? scope : run.root;
}

/** Cancels once. What was registered is told in the order of registration: the same order live and on replay. */
export function cancelScope(scope: ScopeNode, cause: unknown): void {
  if (scope.cancelled !== undefined) return;
  scope.cancelled = cause;
  const listeners = [...scope.onCancel];
  scope.onCancel.clear();
  for (const listener of listeners) listener(cause);
}

/** Registers interest in cancellation; answers how to take it back. A scope that is cancelled already tells nothing any more. */
export function onScopeCancel(scope: ScopeNode, listener: (cause: unknown) => void): () => void {
  scope.onCancel.add(listener);
  return () => scope.onCancel.delete(listener);
}
