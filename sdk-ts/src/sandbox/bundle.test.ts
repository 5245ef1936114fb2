// Bundling: what is taken, what is refused and how the refusal reads.

import { expect, test } from 'vitest';
import { fixture } from '../../test/support/engine.ts';
import { createRunLog, lines } from '../../test/support/run-log.ts';
import type { WorkflowBundle, WorkflowEngine } from '../worker/engine.ts';
import { bundleWorkflows } from './bundle.ts';
import { createInlineEngine } from './inline.ts';

async function engineOf(bundle: WorkflowBundle): Promise<WorkflowEngine> {
  return await createInlineEngine({ bundle, namespace: 'default', taskQueue: 'q', log: () => {} });
}

test('a directory: every exported function of every file, each file evaluated by its own runs only', async () => {
  const bundle = await bundleWorkflows(fixture('folder'));
  // As a user would keep it: plain data.
  const engine = await engineOf(JSON.parse(JSON.stringify(bundle)) as WorkflowBundle);
  expect([...engine.workflowTypes].sort()).toEqual(['first', 'second']);
  expect(lines(await createRunLog('first').run(engine))).toEqual(['complete 1']);
  expect(lines(await createRunLog('second', ['x']).run(engine))).toEqual(['complete "second x"']);
  await engine.close();
});

test('R-SANDBOX-4: a built-in module is refused with file, line and what to do', async () => {
  await expect(bundleWorkflows(fixture('imports-node.ts'))).rejects.toThrow(
    /imports-node\.ts:3:\d+: workflow code cannot import "node:fs": it must not reach the machine\. Do this in an activity/,
  );
});

test('the client is refused', async () => {
  await expect(bundleWorkflows(fixture('imports-client.ts'))).rejects.toThrow(
    /imports-client\.ts:3:\d+: workflow code cannot import "@perdure\/sdk\/client"/,
  );
});

test('a file that is not there', async () => {
  await expect(bundleWorkflows(fixture('nowhere.ts'))).rejects.toThrow(/nowhere\.ts does not exist/);
});

test('one name in two files', async () => {
  const bundle = await bundleWorkflows([fixture('folder/one.ts'), fixture('folder/../folder/two.js'), fixture('again.ts')]);
  await expect(engineOf(bundle)).rejects.toThrow(/workflow "first" is exported by .*one\.ts and by .*again\.ts/);
});

test('what esbuild adds to every module costs little, and names are kept', async () => {
  const bundle = await bundleWorkflows(fixture('names.ts'));
  // Another version of esbuild may write its helpers in another way: then these must be looked at again.
  expect(bundle.code).toContain('target.name === value ? target :');
  expect(bundle.code).not.toContain('=> __copyProps(__defProp({}');
  const engine = await engineOf(bundle);
  expect(lines(await createRunLog('names').run(engine))).toEqual([
    'complete {"names":["Refused","Refused","late","method"],"live":[0,1],"same":true,"flags":[true,false]}',
  ]);
  await engine.close();
});

test("a payload converter of the user's runs inside", async () => {
  const bundle = await bundleWorkflows(fixture('basic.ts'), { payloadConverterModule: fixture('converter.ts') });
  const engine = await engineOf(bundle);
  const answer = await engine.activate(createRunLog('hello', ['x']).task());
  if (answer.kind !== 'completed') throw new Error(answer.kind);
  const command = answer.completion.commands[0]?.attributes;
  if (command?.$case !== 'scheduleActivity') throw new Error('unreachable');
  expect(Buffer.from(command.value.input[0]?.data ?? []).toString()).toBe('{"shout":"read \\"x\\""}');
  await engine.close();
});

test('a module without a converter is named when the worker starts', async () => {
  const bundle = await bundleWorkflows(fixture('basic.ts'), { payloadConverterModule: fixture('again.ts') });
  await expect(engineOf(bundle)).rejects.toThrow(/again\.ts: exports no payloadConverter with toPayload and fromPayload/);
});

test('expensive files are named when a worker starts; shared packages are evaluated once', async () => {
  const warnings: string[] = [];
  const log = (_level: string, message: string): void => void warnings.push(message);
  const each = await bundleWorkflows(fixture('libraries.ts'));
  await (await createInlineEngine({ bundle: each, namespace: 'default', taskQueue: 'q', log })).close();
  expect(warnings.join()).toMatch(/libraries\.ts: evaluating it takes every run .* largest in the bundle: zod \(\d+ KB\)/);
  const shared = await bundleWorkflows(fixture('libraries.ts'), { sharedModules: ['zod', 'yaml'] });
  expect(shared.code.length).toBeLessThan(each.code.length / 5);
  const engine = await engineOf(shared);
  const [line] = lines(await createRunLog('parsing').run(engine));
  expect(line).toContain('"issues":2');
  await engine.close();
});
