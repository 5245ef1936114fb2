// The most used libraries of pure JavaScript work in workflow code, and replay finds what they did; what cannot work says why.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixture } from '../../test/support/engine.ts';
import { createRunLog, lines, type RunLog } from '../../test/support/run-log.ts';
import type { WorkflowEngine } from '../worker/engine.ts';
import { bundleWorkflows } from './bundle.ts';
import { createInlineEngine } from './inline.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  const bundle = await bundleWorkflows(fixture('libraries'));
  engine = await createInlineEngine({ bundle, namespace: 'default', taskQueue: 'q', log: () => {} });
}, 60_000);
afterAll(async () => {
  await engine.close();
});

/** Runs to the end, each timer firing when it is due; answers all that the run asked for. `evict`: every task replays the log. */
async function runToEnd(log: RunLog, evict = false): Promise<string[]> {
  const asked: string[] = [];
  const delays = new Map<number, number>();
  while (!log.closed) {
    if (evict) engine.evict(log.runId);
    for (const line of lines(await log.run(engine))) {
      asked.push(line);
      const [, timer, ms] = /^timer (\d+) (\d+)$/.exec(line) ?? [];
      if (timer !== undefined) delays.set(Number(timer), Number(ms));
    }
    const [next] = [...log.openTimers].sort((left, right) => (delays.get(left) ?? 0) - (delays.get(right) ?? 0));
    if (next !== undefined) fire(log, next, delays);
  }
  return asked;
}

function fire(log: RunLog, timer: number, delays: Map<number, number>): void {
  const passed = delays.get(timer) ?? 0;
  for (const [other, ms] of delays) delays.set(other, Math.max(0, ms - passed));
  log.openTimers.delete(timer);
  log.add({ $case: 'timerFired', value: { number: timer, startedEventId: 0n } }, passed);
}

/** Workflow of test/workflows/libraries → its result. Each sleeps between two uses, and is replayed from its log afterwards. */
const WORKING: [workflow: string, result: unknown][] = [
  ['nanoid', ['nvhweuNF70qZ8EbEW_ovy', 'accaaacb', 'xKXUH']],
  [
    'uuid',
    [
      '4515d9ba-d87d-4802-9322-86741c5695a5',
      '019b76da-a801-775f-8521-e57a84b5ade9',
      '019b76da-abf3-77ca-bad9-3f5fa7ede605',
      true,
      'e1407479-3136-56c0-9908-bb02fb0339e2',
    ],
  ],
  ['deepmergeLibrary', { a: { b: 1, c: 2 }, list: [1, 2] }],
  ['fastDeepEqual', [true, false]],
  [
    'immer',
    [
      false,
      true,
      [
        ['a', 1],
        ['b', 2],
      ],
      true,
    ],
  ],
  ['lodashLibrary', [{ odd: [1, 3], even: [2, 4] }, '1970-01-01T00:00:00.000Z', [2], 'hi x', 7]],
  ['lruCache', [['c', 'b'], 'expired']],
  ['mustache', '<a><b> <b> &lt;b&gt;'],
  ['qsLibrary', [{ a: { b: '1' }, c: ['2', '3'] }, 'a%5Bb%5D=%C3%A4&when=1970-01-01T00%3A00%3A00.000Z']],
  ['ramda', [['a', 'b'], { a: { b: 1 } }, true]],
  ['semverLibrary', [true, '1.3.0', ['1.10.0', '1.9.0', '1.0.0']]],
  [
    'superjsonLibrary',
    [
      '{"json":{"when":"1970-01-01T00:00:00.000Z","set":[1],"big":"5","none":null},"meta":{"values":{"when":["Date"],"set":["set"],"big":["bigint"],"none":["undefined"]},"v":1}}',
      0,
      true,
      'bigint',
    ],
  ],
  ['tsPattern', ['number 3', 'refused', 'other']],
  ['yaml', 'a:\n  - 1\n  - 2\nb:\n  c: true\n'],
  ['dateFns', ['2026-01-06 Tuesday', 1, '6 months']],
  ['dayjsLibrary', ['2026-01-01T00:00:00+00:00', 24, '2026-07-04T16:00:00.000Z', 'PT1H30M']],
  ['luxon', ['2026-01-01T00:00:00.001+00:00', 24.000002777777777, '2026-07-04T10:00:00.000Z', '4. Juli 2026']],
  ['momentLibrary', ['2026-01-01T00:00:00+00:00', 24, '2 days', '2026-03-01T00:00:00.000Z']],
  ['effect', ['Failure', 'default']],
  ['eventemitter', [1, 'once 1', 2]],
  [
    'fpTs',
    [
      { _tag: 'Right', right: 4 },
      { _tag: 'Left', left: 'odd 3' },
    ],
  ],
  [
    'pMapLibrary',
    [
      [6, 2, 4],
      [1, 3, 2],
    ],
  ],
  ['rxjs', [10, 11, 20, 21]],
  ['xstate', ['closed', 1]],
  ['big', ['0.3', 2.23607]],
  ['bignumber', ['0.3', '1,000,000,000,000,000,000,000', true]],
  ['currencyLibrary', ['$59.97', ['3.34', '3.33', '3.33']]],
  ['decimal', ['0.3', '2.71828183', true]],
  ['ajv', [true, false, ['must NOT have fewer than 1 characters', 'must be >= 0']]],
  ['joi', ['2026-01-01T00:00:00.000Z', ['"id" is not allowed to be empty', '"amount" must be a positive number']]],
  ['valibot', [{ id: 'a', amount: 3 }, ['Invalid length: Expected >=1 but received 0', 'Invalid value: Expected >=0 but received -1']]],
  ['yupLibrary', ['2026-01-01T00:00:00.000Z', ['id is a required field', 'amount must be a positive number']]],
  ['zod', ['2026-01-01T00:00:00.000Z', ['Too small: expected string to have >=1 characters', 'Too small: expected number to be >0']]],
];

test.each(WORKING)('R-SANDBOX-2: %s', async (workflow, result) => {
  const log = createRunLog(workflow, [], `of ${workflow}`);
  const asked = await runToEnd(log);
  expect(asked.length).toBeGreaterThan(1);
  expect(JSON.parse((asked.at(-1) as string).replace(/^complete /, ''))).toEqual(result);
  expect(await runToEnd(createRunLog(workflow, [], log.runId), true)).toEqual(asked);
});

/** What workflow code does not have, and how users are told. */
const MISSING: [workflow: string, why: string, message: string][] = [
  [
    'jose',
    'crypto.subtle: keys and time-consuming work belong in an activity',
    "Cannot read properties of undefined (reading 'importKey')",
  ],
  ['rxjsTimer', 'intervals never end by themselves', 'setInterval is not available in workflow code: write a loop with sleep()'],
];

test.each(MISSING)('R-SANDBOX-4: %s cannot work (%s)', async (workflow, _why, message) => {
  const answer = await engine.activate(createRunLog(workflow).task());
  expect(answer).toMatchObject({ kind: 'failed', failure: { message } });
});

test('R-SANDBOX-4: a library that needs modules of Node is refused with the import that asks for them', async () => {
  await expect(bundleWorkflows(fixture('imports-grpc.js'))).rejects.toThrow(
    /node_modules\/@grpc\/grpc-js\/build\/src\/[\w-]+\.js:\d+:\d+: workflow code cannot import "tls": it must not reach the machine\. Do this in an activity/,
  );
});
