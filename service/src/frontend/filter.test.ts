/** The list filter: what it reads, and where it says what is wrong. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PerdureError } from '../errors.ts';
import { parseFilter } from './filter.ts';

const NOW = 1_767_225_600_000;

function problemOf(filter: string): string {
  try {
    parseFilter(filter, NOW);
  } catch (error) {
    if (error instanceof PerdureError && error.reason === 'BAD_FILTER') return error.message;
    throw error;
  }
  return 'accepted';
}

const compare = (field: string, op: string, value: unknown): unknown => ({ kind: 'compare', field, op, value });

test('the example of the protocol', () => {
  expect(parseFilter("WorkflowType = 'order' AND Status = 'Running' AND StartTime > '2026-01-01T00:00:00Z'", NOW)).toEqual({
    kind: 'and',
    terms: [compare('type', '=', 'order'), compare('status', '=', 1), compare('startedAt', '>', NOW)],
  });
});

test.each([
  ['', undefined],
  ['  ', undefined],
  ["WorkflowId='a'", compare('workflowId', '=', 'a')],
  ["workflowid <> 'it''s'", compare('workflowId', '!=', "it's")],
  ['TaskQueue = "say ""x"" \\"', compare('taskQueue', '=', 'say "x" \\')],
  ["WorkflowType STARTS_WITH 'or'", compare('type', 'startsWith', 'or')],
  ["BlockedCause != ''", compare('blockedCause', '!=', '')],
  ["Status = 'timed_out'", compare('status', '=', 6)],
  ["RunId = '01890000-0000-7000-8000-00000000000A'", compare('runId', '=', '01890000-0000-7000-8000-00000000000a')],
  ['StartTime >= now()', compare('startedAt', '>=', NOW)],
  ['StartTime >= now() - 1h', compare('startedAt', '>=', NOW - 3_600_000)],
  ['CloseTime < now()-1.5d', compare('closedAt', '<', NOW - 129_600_000)],
  ["CloseTime <= '2026-01-01'", compare('closedAt', '<=', NOW)],
  ["StartTime = '2026-01-01T01:30:00.250+01:30'", compare('startedAt', '=', NOW + 250)],
  ["((Status = 'Failed'))", compare('status', '=', 3)],
])('reads %s', (filter, expected) => {
  expect(parseFilter(filter, NOW)).toEqual(expected);
});

test('AND binds closer than OR, IN and BETWEEN are spelled out, NOT is worked in', () => {
  expect(parseFilter("TaskQueue='a' or TaskQueue='b' and TaskQueue='c'", NOW)).toEqual({
    kind: 'or',
    terms: [compare('taskQueue', '=', 'a'), { kind: 'and', terms: [compare('taskQueue', '=', 'b'), compare('taskQueue', '=', 'c')] }],
  });
  expect(parseFilter("Status IN ('Failed', 'TimedOut')", NOW)).toEqual({
    kind: 'or',
    terms: [compare('status', '=', 3), compare('status', '=', 6)],
  });
  expect(parseFilter('StartTime BETWEEN now()-1h AND now()', NOW)).toEqual({
    kind: 'and',
    terms: [compare('startedAt', '>=', NOW - 3_600_000), compare('startedAt', '<=', NOW)],
  });
  expect(parseFilter("NOT (TaskQueue='a' AND NOT (StartTime < now() OR Status IN ('Failed')))", NOW)).toEqual({
    kind: 'or',
    terms: [compare('taskQueue', '!=', 'a'), { kind: 'or', terms: [compare('startedAt', '<', NOW), compare('status', '=', 3)] }],
  });
  expect(parseFilter("Status NOT IN ('Failed','Running') AND StartTime NOT BETWEEN now()-1h AND now()", NOW)).toEqual({
    kind: 'and',
    terms: [
      { kind: 'and', terms: [compare('status', '!=', 3), compare('status', '!=', 1)] },
      { kind: 'or', terms: [compare('startedAt', '<', NOW - 3_600_000), compare('startedAt', '>', NOW)] },
    ],
  });
});

test.each([
  ['Foo = 1', 'character 1: expected NOT, "(" or one of WorkflowId, RunId'],
  ["Status = 'Running' Status", 'character 20: expected AND, OR or the end, found "Status"'],
  ["Status = 'Runing'", "character 10: expected one of 'Running', 'Completed'"],
  ["Status > 'Running'", 'character 8: expected one of = != or IN after Status, found ">"'],
  ['WorkflowId = abc', 'character 14: expected text in quotes, found "abc"'],
  ["WorkflowId = 'abc", 'character 14: this quote is not closed'],
  ["WorkflowId = 'a'; DROP TABLE runs", 'character 17: ";" has no meaning here'],
  ["RunId = 'x'", 'character 9: expected a run id (UUID)'],
  ["StartTime > 'yesterday'", 'character 13: expected an RFC 3339 time'],
  ["StartTime > '2026-02-30'", 'character 13: expected an RFC 3339 time'],
  ['StartTime > now(', 'character 17: expected ")" of now(), found the end'],
  ['StartTime > now() - x', 'character 21: expected a length of time'],
  ["StartTime IN '2026-01-01'", 'character 14: expected "("'],
  ['StartTime BETWEEN now() now()', 'character 25: expected AND and the upper bound'],
  ["NOT WorkflowType STARTS_WITH 'a'", 'character 18: STARTS_WITH cannot be negated'],
  ["WorkflowType BETWEEN 'a' AND 'b'", 'character 14: expected one of = != STARTS_WITH or IN after WorkflowType'],
  ["(Status = 'Failed'", 'character 19: expected ")", found the end'],
  ["Status = 'Failed' AND", 'character 22: expected NOT, "("'],
  [`${'('.repeat(21)}Status = 'Failed'`, 'character 21: expected at most 20 levels'],
  [`TaskQueue IN (${"'a',".repeat(100)}'b')`, 'expected at most 100 comparisons'],
])('refuses %s', (filter, problem) => {
  expect(problemOf(filter)).toContain(problem);
});

test('a long filter is refused by its size', () => {
  expect(() => parseFilter(`WorkflowId = '${'x'.repeat(5_000)}'`, NOW)).toThrow('filter: 5015 bytes, the limit is 4096');
});

test('no text whatever makes another error than BAD_FILTER or takes long', () => {
  const pieces = fc.constantFrom(
    'NOT ',
    '(',
    ')',
    ' AND ',
    ' OR ',
    'Status',
    'StartTime',
    '=',
    "'Failed'",
    'now()',
    '-',
    '1h',
    ' IN ',
    ',',
    ' BETWEEN ',
    '"',
    '\\',
    'é',
  );
  fc.assert(fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => problemOf(parts.join('')).length > 0));
  fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => problemOf(text).length > 0));
  expect(problemOf(`${"Status = 'Failed' AND ".repeat(150)}x`)).toContain('at most 100 comparisons');
});
