// An engine on the test's own thread for a file of test/workflows.

import { bundleWorkflows } from '../../src/sandbox/bundle.ts';
import { createInlineEngine } from '../../src/sandbox/inline.ts';
import type { EngineOptions, WorkflowEngine } from '../../src/worker/engine.ts';

export interface LoggedLine {
  level: string;
  message: string;
  fields: Readonly<Record<string, unknown>>;
}

/** What engines of this file logged, newest last. */
export const logged: LoggedLine[] = [];

export function fixture(name: string): URL {
  return new URL(`../workflows/${name}`, import.meta.url);
}

export async function engineFor(name: string, options: Partial<EngineOptions> = {}): Promise<WorkflowEngine> {
  const bundle = await bundleWorkflows(fixture(name));
  const log: EngineOptions['log'] = (level, message, fields) => void logged.push({ level, message, fields });
  return await createInlineEngine({ bundle, namespace: 'default', taskQueue: 'q', buildId: 'build-2', log, ...options });
}
