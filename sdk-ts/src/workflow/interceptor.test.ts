// Interceptors of workflow code: what they see and change, live and on replay.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixture, logged } from '../../test/support/engine.ts';
import { createRunLog, lines, queryOf, queryValue, type RunLog } from '../../test/support/run-log.ts';
import { bundleWorkflows } from '../sandbox/bundle.ts';
import { createInlineEngine } from '../sandbox/inline.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  const bundle = await bundleWorkflows(fixture('intercepted.ts'), { interceptorModules: [fixture('interceptors.ts')] });
  const log = (level: string, message: string, fields: Readonly<Record<string, unknown>>): void =>
    void logged.push({ level, message, fields });
  engine = await createInlineEngine({ bundle, namespace: 'default', taskQueue: 'q', log });
}, 20_000);
afterAll(async () => {
  await engine.close();
});

const header = (trace: string) => ({ text: { trace }, fields: {} });

function startedWith(type: string, trace: string, ...args: unknown[]): RunLog {
  const log = createRunLog(type, args);
  const [first] = log.events;
  if (first?.attributes?.$case === 'workflowStarted') first.attributes.value.header = header(trace);
  return log;
}

/** The whole life of the run; `evict` replays it at every task. */
async function life(evict: boolean): Promise<string[]> {
  const log = startedWith('traced', 'abc', 'arg');
  const asked: string[] = [];
  const next = async (): Promise<void> => {
    if (evict) engine.evict(log.runId);
    const completion = await log.run(engine);
    asked.push(...lines(completion));
    for (const { attributes } of completion.commands)
      if (attributes?.$case === 'scheduleActivity') asked.push(JSON.stringify(attributes.value.header), attributes.value.callSite);
  };
  await next();
  log.completeActivity(1, 'worked');
  log.signal('go', 'now');
  const signal = log.events.at(-1)?.attributes;
  if (signal?.$case === 'workflowSignaled') signal.value.header = header('def');
  await next();
  log.fire(1);
  await next();
  return asked;
}

test('R-INTERCEPT-1: headers are read at the start and at signals, and written at activities', async () => {
  const [activity, sent, site, timer, end] = await life(false);
  expect(activity).toBe('activity 1 work("own", "outbound")');
  expect(sent).toBe(JSON.stringify(header('abc')));
  expect(site).toMatch(/intercepted\.ts:\d+:\d+$/);
  expect(timer).toBe('timer 1 1000');
  expect(JSON.parse((end as string).slice('complete '.length))).toEqual({
    result: { args: ['arg', 'added'], worked: 'worked!', signals: ['now'], headers: { trace: 'abc' } },
    seen: ['execute abc', 'go def', 'end'],
  });
});

test('R-INTERCEPT-2: replay runs them again, to the same end', async () => {
  expect(await life(true)).toEqual(await life(false));
});

test('R-INTERCEPT-1: children, signals to others and the next run get headers too; a saga undoes nothing for the next run', async () => {
  const log = startedWith('asking', 'abc');
  const first = await log.run(engine);
  log.fire(1);
  const last = await log.run(engine);
  const told = [...first.commands, ...last.commands].map(({ attributes }) => {
    if (attributes === undefined) return undefined;
    const { header: sent, workflowType } = attributes.value as { header?: unknown; workflowType?: string };
    return [attributes.$case, sent, workflowType];
  });
  expect(told).toEqual([
    ['scheduleChildWorkflow', header('abc'), 'child-own'],
    ['signalExternal', header('abc'), undefined],
    ['startTimer', undefined, undefined],
    ['continueAsNew', header('abc'), 'asking'],
  ]);
});

test('queries and log lines pass them', async () => {
  const log = startedWith('traced', 'abc');
  logged.length = 0;
  await log.run(engine);
  const queries = [{ ...queryOf('peek'), header: header('me') }];
  const answer = await engine.activate(log.task({ queryOnly: true, queries }));
  if (answer.kind !== 'queries') throw new Error(answer.kind);
  expect(answer.results.map(queryValue)).toEqual(['peeked to me']);
  log.completeActivity(1);
  log.signal('go', 'x');
  await log.run(engine);
  expect(logged.map(({ message, fields }) => [message, fields.trace])).toEqual([['goes to sleep', 'abc']]);
});

test('R-SDK-1: a default export runs every type without a workflow of its own', async () => {
  expect(lines(await startedWith('anything', 'abc', 1).run(engine))).toEqual([
    'complete {"result":{"type":"anything","args":[1,"added"]},"seen":["execute abc"]}',
  ]);
  // A name that every object has is none of the file's.
  expect(lines(await startedWith('toString', 'abc').run(engine))[0]).toContain('"type":"toString"');
  expect([...engine.workflowTypes].sort()).toEqual(['asking', 'default', 'traced']);
});

test('a module without interceptors is named when the worker starts', async () => {
  const bundle = await bundleWorkflows(fixture('basic.ts'), { interceptorModules: [fixture('converter.ts')] });
  await expect(createInlineEngine({ bundle, namespace: 'default', taskQueue: 'q', log: () => {} })).rejects.toThrow(
    /converter\.ts: exports no function "interceptors"/,
  );
});
