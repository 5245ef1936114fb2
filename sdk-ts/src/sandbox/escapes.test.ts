// Ways out of determinism, one line each: what workflow code gets instead. docs/sandbox.md says the same to users.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, lines, START_MS } from '../../test/support/run-log.ts';
import { decodeValue, defaultPayloadConverter } from '../common/payload-converter.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
let other: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('escapes.ts');
  other = await engineFor('escapes.ts');
}, 20_000);
afterAll(async () => {
  await engine.close();
  await other.close();
});

/** What a way came to: its value, the step it asked for, or the message of the error that fails its task. */
async function outcome(on: WorkflowEngine, type: string, arg: string, runId?: string): Promise<unknown> {
  const log = createRunLog(type, [arg], runId);
  const answer = await on.activate(log.task());
  if (answer.kind === 'failed') return `refused: ${answer.failure.message}`;
  if (answer.kind !== 'completed') return answer.kind;
  const last = answer.completion.commands.at(-1)?.attributes;
  if (last?.$case === 'completeWorkflow') return decodeValue(defaultPayloadConverter, last.value.result, 'result');
  return lines(answer.completion).join(', ');
}

const NOW = START_MS + 1;
const absent = (name: string, advice: string): string => `refused: ${name} is not available in workflow code: ${advice}`;
const COLLECTED = 'when objects are collected differs between replays';
const ONE_THREAD = 'workflow code has one thread';
const ACTIVITY = 'do this in an activity';
const PROCESS = absent('process', `${ACTIVITY}, or pass the value as an argument`);
const NO_IMPORT = absent('require', 'import at the top of the workflow file; what is not known when it is bundled cannot be imported');
const IMPORT = 'refused: import() is not available in code made from text: import at the top of the workflow file';

/** Way → what comes of it. A function: of a value that follows the seed of the run. */
const WAYS: Record<string, unknown> = {
  dateNow: NOW,
  dateConstructor: [NOW, 'Thu Jan 01 2026 00:00:00'],
  dateOfPrototype: NOW,
  dateSubclass: NOW,
  dateReflected: NOW,
  performanceNow: [1, 0],
  intlNow: ['1/1/2026', '1/1/2026'],
  localTime: ['2026-07-04T00:00:00.000Z', 0, '2026-07-04T12:00:00.000Z'],
  localeAndZone: ['en-US', 'UTC', '1/1/1970, 12:00:00 AM', '1,234.5', -1, 'I'],
  temporal: 'undefined',
  mathRandom: 'seeded',
  uuids: 'seeded',
  randomValues: 'seeded',
  setTimeout: 'timer 1 5',
  setInterval: absent('setInterval', 'write a loop with sleep()'),
  setImmediate: absent('setImmediate', 'use sleep() or a promise'),
  WeakRef: absent('WeakRef', COLLECTED),
  FinalizationRegistry: absent('FinalizationRegistry', COLLECTED),
  SharedArrayBuffer: absent('SharedArrayBuffer', ONE_THREAD),
  atomicsWait: absent('Atomics', ONE_THREAD),
  atomicsWaitAsync: absent('Atomics', ONE_THREAD),
  WebAssembly: absent('WebAssembly', ACTIVITY),
  otherThreads: [],
  process: PROCESS,
  require: NO_IMPORT,
  Buffer: absent('Buffer', 'use Uint8Array, TextEncoder and TextDecoder'),
  dirname: absent('__dirname', ACTIVITY),
  fetch: absent('fetch', ACTIVITY),
  WebSocket: absent('WebSocket', ACTIVITY),
  dynamicImport: NO_IMPORT,
  constructorChain: PROCESS,
  functionOfThis: /^refused: Cannot read properties of undefined \(reading 'env'\)/,
  functionOfApi: PROCESS,
  functionOfArguments: PROCESS,
  asyncFunction: PROCESS,
  generatorFunction: PROCESS,
  importInFunction: IMPORT,
  importInEval: IMPORT,
  prepareStackTrace: ['string', 'nothing', 'string'],
  callSites: 'string',
  errorOfEngine: 'undefined',
  callerOfStrict: 'refused',
  enterByHand: 'function',
};

describe('R-SANDBOX-2, R-SANDBOX-4: what is not in the log is deterministic or refused', () => {
  test.each(Object.entries(WAYS))('%s', async (way, expected) => {
    const one = await outcome(engine, 'attempt', way, 'seed-a');
    engine.evict('seed-a');
    // In another context, later: nothing of either can be seen.
    expect(await outcome(other, 'attempt', way, 'seed-a')).toEqual(one);
    other.evict('seed-a');
    if (expected === 'seeded') {
      expect(await outcome(engine, 'attempt', way, 'seed-b')).not.toEqual(one);
      expect(JSON.stringify(one)).toMatch(/^\[.+,.+\]$/);
    } else if (expected instanceof RegExp) expect(one).toMatch(expected);
    else expect(one).toEqual(expected);
  });

  test('no way is left out', async () => {
    const { ways, traces } = (await outcome(engine, 'ways', '')) as { ways: string[]; traces: string[] };
    expect(ways).toEqual(Object.keys(WAYS));
    expect(traces.length).toBeGreaterThan(20);
  });
});

test('R-SANDBOX-3: what one run leaves behind no other finds', async () => {
  const { traces } = (await outcome(engine, 'ways', '')) as { traces: string[] };
  const found: string[] = [];
  for (const run of ['first', 'second'])
    for (const way of traces) {
      const left = await outcome(engine, 'trace', way);
      if (left !== '') found.push(`${run} ${way}: ${String(left)}`);
    }
  expect(found).toEqual([]);
});

describe('R-SANDBOX-1: objects with traps cross the border as data, or not at all', () => {
  const tricks: [kind: string, expected: string | RegExp][] = [
    ['argument', 'activity 1 work({"a":1}), timer 1 1'],
    ['result', '{"a":1}'],
    ['writingArgument', 'activity 1 work("inside toJSON"), activity 2 work("written"), timer 1 1'],
    ['thrown', 'refused: what was thrown cannot be read: looking at it throws'],
    ['thenable', '"by then"'],
    ['details', 'fail application x'],
    ['cause', 'fail application x'],
  ];
  test.each(tricks)('%s', async (kind, expected) => {
    const answer = await outcome(engine, 'tricks', kind);
    const text = typeof answer === 'string' && /^(refused|activity|fail)/.test(answer) ? answer : JSON.stringify(answer);
    if (typeof expected === 'string') expect(text).toBe(expected);
    else expect(text).toMatch(expected);
  });
});
