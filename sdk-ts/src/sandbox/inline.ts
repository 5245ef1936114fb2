// The engine on the calling thread: for tests, simulation, and inside each worker thread.

import type { EngineOptions, WorkflowEngine } from '../worker/engine.ts';
import { createAnswerReader } from './answer.ts';
import { createCore, factsOf } from './core.ts';

/** Runs workflow code on this thread: code that blocks, blocks the caller. Rejects when the bundle cannot be evaluated. */
export async function createInlineEngine(options: EngineOptions): Promise<WorkflowEngine> {
  const core = await createCore(options);
  const read = createAnswerReader(options.bundle);
  return {
    workflowTypes: core.workflowTypes,
    async activate(task) {
      const facts = factsOf(task);
      try {
        return read(await core.activate(facts, task.history));
      } catch (error) {
        return read(core.failed(facts, error));
      }
    },
    committed: core.committed,
    evict: core.evict,
    cachedRuns: core.cachedRuns,
    close: async () => core.close(),
  };
}
