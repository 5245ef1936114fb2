// The harness's own parts: what they accept, and above all what they notice.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: scenarios write names so
import { describe, expect, test } from 'vitest';
import { checkSchema, featureNames, loadFeature } from '../harness/features.ts';
import { diff, normalise } from '../harness/history.ts';
import { differences, pick } from '../harness/match.ts';
import { lastLine, progressLine, summaryTable, toJunit } from '../harness/report.ts';
import { type Step, verbOf } from '../harness/scenario.ts';
import type { Result } from '../harness/suite.ts';
import { fillIn, fromProto, type Json, toProto } from '../harness/values.ts';
import { encodeRequest, methodNamed } from '../harness/wire.ts';

describe('expectations', () => {
  const answer: Json = { status: 'WORKFLOW_STATUS_FAILED', id: '3', list: [1, { a: 2 }], text: 'abc' };
  test.each<[Json, number]>([
    [{ status: 'FAILED', id: 3 }, 0],
    [{ status: 'COMPLETED' }, 1],
    [{ absent: '', zero: 0, none: false, message: {}, items: [] }, 0],
    [{ absent: 1 }, 1],
    [{ absent: { deep: 1 } }, 1],
    [{ list: [1, { a: 2 }] }, 0],
    [{ list: [1] }, 1],
    [{ list: [1, { a: 3 }] }, 1],
    [{ list: { a: 1 } }, 1],
    [{ text: ['abc'] }, 1],
    [{ list: { $contains: [{ a: 2 }] } }, 0],
    [{ list: { $contains: [{ a: 3 }] } }, 1],
    [{ list: { $length: 2 }, text: { $length: 3 } }, 0],
    [{ list: { $length: { $atLeast: 3 } } }, 1],
    [{ text: { $match: '^a.c$' } }, 0],
    [{ text: { $match: '^b' }, absent: { $match: 'x' } }, 2],
    [{ text: { $present: true }, absent: { $present: false } }, 0],
    [{ text: { $present: false }, absent: { $present: true } }, 2],
    [{ text: { $not: 'abc' } }, 1],
    [{ text: { $anyOf: ['x', 'abc'] } }, 0],
    [{ id: { $atMost: 2 } }, 1],
    [{ $exactly: { text: 'abc' } }, 3],
  ])('%j: %i differences', (expected, count) => {
    expect(differences(expected, answer)).toHaveLength(count);
  });

  test('say where, what was expected and what came', () => {
    expect(differences({ list: [1, { a: 3 }] }, answer)).toEqual(['list[1].a: expected 3, actual 2']);
  });

  test('paths pick parts', () => {
    expect(pick(answer, 'list[1].a')).toBe(2);
    expect(pick(answer, '')).toBe(answer);
  });
});

describe('values', () => {
  const lookup = (name: string): Json | undefined => ({ queue: 'q', count: 3 })[name];

  test('names are filled in', () => {
    expect(fillIn({ a: '${count}', b: ['x-${queue}-${count}'], c: '$${queue}' }, lookup)).toEqual({ a: 3, b: ['x-q-3'], c: '${queue}' });
    const repeated = { $repeat: 2, item: { n: '${i}', of: '${queue}' } };
    expect(toProto(fillIn(repeated, lookup))).toEqual([
      { n: 1, of: 'q' },
      { n: 2, of: 'q' },
    ]);
    expect(() => fillIn('${nobody}', lookup)).toThrow('${nobody} has no value');
  });

  test('bytes are cut and joined', () => {
    const bytes = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');
    const spliced = { $concat: [{ $slice: bytes('00010203'), to: 2 }, { $hex: 'ff' }, { $slice: bytes('00010203'), from: 3 }] };
    expect(toProto(spliced)).toBe(bytes('0001ff03'));
  });

  test('forms become protobuf JSON, and answers come back', () => {
    const request = { input: [{ $json: { a: 1 } }], taskTimeout: '1.5s', memo: { $keys: 2, item: { $json: 'm' } } };
    const { request: codec } = methodNamed('StartWorkflow');
    const decoded = fromProto(codec.toJSON(codec.decode(encodeRequest('StartWorkflow', request))) as Json);
    expect(decoded).toEqual({ input: [{ $json: { a: 1 } }], taskTimeout: '1.5s', memo: { k1: { $json: 'm' }, k2: { $json: 'm' } } });
    expect(toProto({ $text: 3, of: 'ü' })).toBe('üüü');
    expect(toProto({ $hex: '00 ff' })).toBe('AP8=');
    expect(toProto({ startDelay: '-1s' })).toEqual({ startDelay: { seconds: -1, nanos: 0 } });
  });
});

describe('histories', () => {
  test('what differs is shown with its neighbours', () => {
    expect(diff(['1 a', '2 b', '3 c', '4 d', '5 e', '6 f'], ['1 a', '2 b', '3 x', '4 d', '5 e', '6 f'])).toEqual([
      '  1 a',
      '  2 b',
      '- 3 c',
      '+ 3 x',
      '  4 d',
      '  5 e',
    ]);
    expect(diff(['1 a'], ['1 a'])).toEqual([]);
    expect(diff(['1 a'], [])).toEqual(['- 1 a']);
  });

  test('ids become names', () => {
    const known = new Map([
      ['p/f/', '<id>/'],
      ['p/f/wf', '<wf>'],
    ]);
    expect(normalise(['p/f/wf p/f/other 01890a5d-ac96-774b-bcce-b302099a8057'], known)).toEqual(['<wf> <id>/other <uuid>']);
  });
});

describe('features', () => {
  test('all can be read', () => {
    expect(featureNames().map((name) => loadFeature(name).name)).toEqual(featureNames());
    expect(featureNames('activity').every((name) => name.startsWith('activity/'))).toBe(true);
  });

  test.each<[string, unknown, RegExp]>([
    ['a misspelt key', { parts: [], steps: [{ describe: { runn: 'a' } }] }, /steps\/0\/describe.*required.*[\s\S]*runn/],
    ['an unknown verb', { parts: [], steps: [{ sleep: 1 }] }, /sleep/],
    ['an unknown part', { parts: ['timers'], steps: [] }, /parts\/0/],
    ['an unknown option', { parts: ['workflow'], options: { cash: false }, steps: [] }, /cash/],
  ])('%s is refused', (_, scenario, message) => {
    expect(() => checkSchema('scenario', scenario, 'x')).toThrow(message);
  });

  test('a step has one verb', () => {
    expect(() => verbOf({ expect: 1 } as Step)).toThrow('this has none');
    expect(() => verbOf({ join: 'a', service: 'kill' } as Step)).toThrow('service and join');
  });
});

test('reports', () => {
  const results: Result[] = [
    { feature: 'a/one', verdict: 'passed', notes: [], seconds: 1 },
    { feature: 'a/two', verdict: 'failed', notes: ['step 1 (start): <bad> & "worse"\u0007'], seconds: 0.5 },
    { feature: 'b/three', verdict: 'skipped', notes: ['no worker'], seconds: 0 },
  ];
  expect(lastLine(results)).toBe('1 passed, 1 failed, 1 skipped');
  expect(summaryTable(results).split('\n')).toEqual([
    'concept  passed  failed  skipped',
    'a             1       1        0',
    'b             0       0        1',
  ]);
  expect(progressLine(results[1] as Result, 2, 3)).toBe('2/3 FAIL a/two 0.5 s\n    step 1 (start): <bad> & "worse"\u0007');
  expect(toJunit(results, 'ts')).toContain('<failure>step 1 (start): &#60;bad&#62; &#38; &#34;worse&#34;</failure>');
});
