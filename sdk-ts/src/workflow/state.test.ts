// What outsiders see of a run: queries, variables, memo and attributes, its log; and what read-only calls may not do.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineFor, logged } from '../../test/support/engine.ts';
import { createRunLog, lines, queryOf, queryValue, type RunLog } from '../../test/support/run-log.ts';
import { decodeValue, defaultPayloadConverter } from '../common/payload-converter.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('state.ts');
}, 20_000);
afterAll(() => engine.close());

async function asking(): Promise<RunLog> {
  const log = createRunLog('asking');
  await log.run(engine);
  return log;
}

describe('queries', () => {
  test('R-QUERY-1: are answered from a cached and from a replayed run, and leave it where it was', async () => {
    const log = await asking();
    expect(await log.query(engine, 'peek')).toBe('start');
    log.signal('push', 'seen');
    await log.run(engine);
    engine.evict(log.runId);
    expect(await log.query(engine, 'peek')).toBe('seen');
    log.signal('push', 'end');
    expect(lines(await log.run(engine))[0]).toMatch(/^activity 3 work\("after", 0\.\d+\)$/);
  });

  test('R-QUERY-1: a query-only task applies nothing after the base', async () => {
    const log = await asking();
    log.signal('push', 'unseen');
    expect(await log.query(engine, 'peek')).toBe('start');
    engine.evict(log.runId);
    expect(await log.query(engine, 'peek')).toBe('start');
  });

  test('travel with a completion', async () => {
    const log = await asking();
    log.signal('push', 'new');
    const completion = await log.run(engine, { queries: [queryOf('peek')] });
    expect(completion.queryResults.map(queryValue)).toEqual(['new']);
  });

  test('without a handler fail and name the known ones', async () => {
    const log = await asking();
    expect(await log.query(engine, 'nothing')).toBe('failed: no handler for query "nothing" (known: __handlers, __stack_trace, peek)');
  });

  test('R-REPLAY-8: must not write, must not be async, and do not move the random stream', async () => {
    const log = await asking();
    expect(await log.query(engine, 'peek', 'write')).toMatch(/^failed: sleep: not allowed in the handler of query peek/);
    expect(await log.query(engine, 'peek', 'async')).toMatch(/must be synchronous/);
    const once = await log.query(engine, 'peek', 'random');
    expect(await log.query(engine, 'peek', 'random')).toEqual(once);
  });

  test('R-REPLAY-8: cannot cancel scopes, open them, change options, nor leave reactions that write or draw', async () => {
    const log = await asking();
    const where = 'not allowed in the handler of query peek, which must only read';
    expect(await log.query(engine, 'peek', 'cancel')).toBe(`failed: CancellationScope.cancel: ${where}`);
    expect(await log.query(engine, 'peek', 'scope')).toBe(`failed: CancellationScope: ${where}`);
    expect(await log.query(engine, 'peek', 'options')).toBe(`failed: setWorkflowOptions: ${where}`);
    await log.query(engine, 'peek', 'later');
    expect(await log.query(engine, 'peek')).toBe('sleep: not allowed in what a query has left behind, which must only read');
    log.signal('push', 'end');
    const live = lines(await log.run(engine));
    engine.evict(log.runId);
    // The same draws without the queries, and no step of theirs.
    log.completeActivity(3);
    expect(live).toHaveLength(1);
    expect(lines(await log.run(engine))).toEqual(['complete undefined']);
    const undisturbed = createRunLog('asking', [], log.runId);
    await undisturbed.run(engine);
    undisturbed.signal('push', 'end');
    engine.evict(log.runId);
    expect(lines(await undisturbed.run(engine))).toEqual(live);
  });

  test('show what the run awaits, with places in the source', async () => {
    const log = await asking();
    const trace = String(await log.query(engine, '__stack_trace'));
    expect(trace).toMatch(/activity work\n {4}at asking \(sdk-ts\/test\/workflows\/state\.ts:\d+:\d+\)/);
    expect(trace).toContain('sleep (3600000 ms)');
    expect(trace).toContain('condition\n');
  });

  test('name the handlers', async () => {
    const log = await asking();
    log.signal('elsewhere');
    await log.run(engine);
    const expected = { signals: ['other', 'push'], queries: ['peek'], waitingSignals: ['elsewhere'], running: [] };
    expect(await log.query(engine, '__handlers')).toMatchObject(expected);
  });
});

test('R-VAR-1: memo, attributes and variables leave with the completion; removed ones too', async () => {
  const log = createRunLog('properties');
  logged.length = 0;
  const first = await log.run(engine);
  expect(lines(first)).toEqual(['upsert color,gone', 'upsert Count,Ratio,Tags,When,Open,Name', 'timer 1 1000']);
  const read = (name: string, from: typeof first): unknown => decodeValue(defaultPayloadConverter, from.variables[name], name);
  expect([read('step', first), read('other', first)]).toEqual([2, { deep: true }]);
  const upsert = first.commands[1]?.attributes;
  if (upsert?.$case !== 'upsertProperties') throw new Error('unreachable');
  expect(Object.values(upsert.value.searchAttributes).map((value) => value.value?.$case)).toEqual([
    'int',
    'double',
    'keywordList',
    'datetime',
    'bool',
    'keyword',
  ]);
  log.fire(1);
  engine.evict(log.runId);
  const second = await log.run(engine, { suggested: true });
  // Values set on replay are not sent again.
  expect(Object.keys(second.variables)).toEqual(['other']);
  expect(second.variables.other?.encoding).toBe('binary/null');
  const [line] = lines(second);
  expect(JSON.parse((line as string).slice('complete '.length))).toMatchObject({
    memo: { color: 'red' },
    searchAttributes: { Count: 3, Ratio: 0.5, Tags: ['a', 'b'], Open: true, Name: 'n' },
    historyLength: 6,
    continueAsNewSuggested: true,
    workflowType: 'properties',
    namespace: 'default',
  });
});

test('R-SDK-4: log and metrics are silent on replay', async () => {
  const log = createRunLog('properties');
  logged.length = 0;
  await log.run(engine);
  log.fire(1);
  engine.evict(log.runId);
  await log.run(engine);
  const lines = logged.filter(({ level }) => level !== 'metric');
  expect(lines.map((line) => line.message)).toEqual(['hello', 'from console {"a":1}', 'again']);
  expect(logged[0]?.fields).toMatchObject({ n: 1, runId: log.runId, workflowType: 'properties' });
  const values = logged.filter(({ level }) => level === 'metric').map(({ message, fields }) => ({ name: message, ...fields }));
  const ids = { workflowId: 'wf', runId: log.runId, workflowType: 'properties' };
  expect(values).toEqual([
    { name: 'orders', kind: 'counter', value: 2, tags: { kind: 'new' }, ...ids },
    { name: 'open', kind: 'gauge', value: 7, tags: {}, ...ids },
    { name: 'took', kind: 'histogram', value: 12.5, tags: {}, ...ids },
  ]);
});

test('R-REPLAY-8: a predicate must only read', async () => {
  const log = createRunLog('predicateWrites');
  const [line] = lines(await log.run(engine));
  expect(line).toMatch(/activity work: not allowed in the predicate of condition\(\)/);
});

test('R-REPLAY-1: a predicate draws from a stream of its own; one that throws or is async ends its condition', async () => {
  const one = async (type: string, ...args: unknown[]): Promise<string[]> => lines(await createRunLog(type, args, 'same-seed').run(engine));
  const draws = await one('draws');
  const [timer, cancel, last] = await one('predicates', 'draws');
  expect([timer, cancel, last]).toEqual(['timer 1 60000', 'cancel timer 1', ...draws]);
  expect((await one('predicates', 'throws')).at(-1)).toBe('complete "from the predicate"');
  expect((await one('predicates', 'async')).at(-1)).toBe('complete "condition: the predicate must not be async"');
});

test('variables of a run take at most 64 KiB', async () => {
  const completion = await createRunLog('manyVariables').run(engine);
  expect(lines(completion)[0]).toMatch(/^complete "setVar: with b the variables take 800\d\d bytes, the limit is 65536"$/);
  expect(Object.keys(completion.variables)).toEqual(['a']);
});
