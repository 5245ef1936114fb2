/** The list filter: what it reads, and where it says what is wrong. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PerdureError } from '../errors.ts';
import { parseFilter } from './filter.ts';

const NOW = 1_767_225_600_000;

function problemOf(filter: string): string {
  try {
    parse(filter);
  } catch (error) {
    if (error instanceof PerdureError && error.reason === 'BAD_FILTER') return error.message;
    throw error;
  }
  return 'accepted';
}

const TYPES: Readonly<Record<string, string>> = {
  Status: 'int',
  StartTime: 'datetime',
  CloseTime: 'datetime',
  HistoryLength: 'int',
  ...{ Tags: 'keywordList', Amount: 'double', Items: 'int', Urgent: 'bool', Due: 'datetime' },
};
const compare = (field: string, op: string, value: unknown = ''): unknown => ({
  kind: 'compare',
  field,
  type: TYPES[field] ?? 'keyword',
  op,
  value,
});
const DECLARED = {
  Customer: 'keyword',
  Tags: 'keywordList',
  Amount: 'double',
  Items: 'int',
  Urgent: 'bool',
  Due: 'datetime',
  Größe: 'keyword',
} as const;
const parse = (filter: string): unknown => parseFilter(filter, NOW, DECLARED).filter;

test('the example of the protocol', () => {
  expect(parse("WorkflowType = 'order' AND Status = 'Running' AND StartTime > '2026-01-01T00:00:00Z'")).toEqual({
    kind: 'and',
    terms: [compare('WorkflowType', '=', 'order'), compare('Status', '=', 1), compare('StartTime', '>', NOW)],
  });
});

test.each([
  ['', undefined],
  ['  ', undefined],
  ["WorkflowId='a'", compare('WorkflowId', '=', 'a')],
  ["workflowid <> 'it''s'", compare('WorkflowId', '!=', "it's")],
  ['TaskQueue = "say ""x"" \\"', compare('TaskQueue', '=', 'say "x" \\')],
  ["WorkflowType STARTS_WITH 'or'", compare('WorkflowType', 'startsWith', 'or')],
  ["BlockedCause != ''", compare('BlockedCause', '!=', '')],
  ["Status = 'timed_out'", compare('Status', '=', 6)],
  ["RunId = '01890000-0000-7000-8000-00000000000A'", compare('RunId', '=', '01890000-0000-7000-8000-00000000000a')],
  ['StartTime >= now()', compare('StartTime', '>=', NOW)],
  ['StartTime >= now() - 1h', compare('StartTime', '>=', NOW - 3_600_000)],
  ['CloseTime < now()-1.5d', compare('CloseTime', '<', NOW - 129_600_000)],
  ["CloseTime <= '2026-01-01'", compare('CloseTime', '<=', NOW)],
  ["StartTime = '2026-01-01T01:30:00.250+01:30'", compare('StartTime', '=', NOW + 250)],
  ["((Status = 'Failed'))", compare('Status', '=', 3)],
  ['StartTime >= now-1h', compare('StartTime', '>=', NOW - 3_600_000)],
  ['HistoryLength > 4096', compare('HistoryLength', '>', 4096)],
  ["Customer = 'c1'", compare('Customer', '=', 'c1')],
  ["Größe != 'XL'", compare('Größe', '!=', 'XL')],
  ["Tags = 'a'", compare('Tags', '=', 'a')],
  ['Amount >= -1.5e3', compare('Amount', '>=', -1500)],
  ['Items = -0', compare('Items', '=', 0)],
  ['Urgent = TRUE', compare('Urgent', '=', true)],
  ['NOT Urgent = false', compare('Urgent', '!=', false)],
  ['Due < now+7d', compare('Due', '<', NOW + 604_800_000)],
  ['CloseTime is null', compare('CloseTime', 'isNull')],
  ['Customer IS NOT NULL', compare('Customer', 'isNotNull')],
  ['NOT Customer IS NOT NULL', compare('Customer', 'isNull')],
  ["NOT WorkflowType STARTS_WITH 'a'", compare('WorkflowType', 'notStartsWith', 'a')],
  ["WorkflowType NOT STARTS_WITH 'a'", compare('WorkflowType', 'notStartsWith', 'a')],
])('reads %s', (filter, expected) => {
  expect(parse(filter)).toEqual(expected);
});

test('AND binds closer than OR, IN and BETWEEN are spelled out, NOT is worked in', () => {
  expect(parse("TaskQueue='a' or TaskQueue='b' and TaskQueue='c'")).toEqual({
    kind: 'or',
    terms: [compare('TaskQueue', '=', 'a'), { kind: 'and', terms: [compare('TaskQueue', '=', 'b'), compare('TaskQueue', '=', 'c')] }],
  });
  expect(parse("Status IN ('Failed', 'TimedOut')")).toEqual({
    kind: 'or',
    terms: [compare('Status', '=', 3), compare('Status', '=', 6)],
  });
  expect(parse('StartTime BETWEEN now()-1h AND now()')).toEqual({
    kind: 'and',
    terms: [compare('StartTime', '>=', NOW - 3_600_000), compare('StartTime', '<=', NOW)],
  });
  expect(parse("NOT (TaskQueue='a' AND NOT (StartTime < now() OR Status IN ('Failed')))")).toEqual({
    kind: 'or',
    terms: [compare('TaskQueue', '!=', 'a'), { kind: 'or', terms: [compare('StartTime', '<', NOW), compare('Status', '=', 3)] }],
  });
  expect(parse("Status NOT IN ('Failed','Running') AND StartTime NOT BETWEEN now()-1h AND now()")).toEqual({
    kind: 'and',
    terms: [
      { kind: 'and', terms: [compare('Status', '!=', 3), compare('Status', '!=', 1)] },
      { kind: 'or', terms: [compare('StartTime', '<', NOW - 3_600_000), compare('StartTime', '>', NOW)] },
    ],
  });
});

test.each([
  ['Foo = 1', 'character 1: expected NOT, "(" or one of WorkflowId, RunId'],
  ["Status = 'Running' Status", 'character 20: expected AND, OR, ORDER BY or the end, found "Status"'],
  ["Status = 'Runing'", "character 10: expected one of 'Running', 'Completed'"],
  ["Status > 'Running'", 'character 8: expected one of = !=, IN or IS NULL after Status, found ">"'],
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
  ["Customers = 'a'", 'character 1: expected NOT, "(" or one of WorkflowId, RunId, WorkflowType, TaskQueue, BuildId'],
  [
    "customer = 'a'",
    'BlockedSince, Status, StartTime, CloseTime, HistoryLength, Amount, Customer, Due, Größe, Items, Tags, Urgent, found "customer"',
  ],
  ["Amount = '5'", 'character 10: expected a number, found "5"'],
  ['Items = 1.5', 'character 9: expected a whole number'],
  ['Items = 9007199254740992', 'character 9: expected a whole number of at most 2^53'],
  ['Urgent = 1', 'character 10: expected true or false'],
  ['Urgent < true', 'character 8: expected one of = !=, IN or IS NULL after Urgent'],
  ["Tags STARTS_WITH 'a'", 'character 6: expected one of = !=, IN or IS NULL after Tags'],
  ["Customer > 'a'", 'character 10: expected one of = != STARTS_WITH, IN or IS NULL after Customer'],
  ["WorkflowType NOT = 'a'", 'character 18: expected IN or STARTS_WITH, found "="'],
  ['Customer IS 5', 'character 13: expected NULL or NOT NULL, found "5"'],
  ['Customer IS NOT 5', 'character 17: expected NULL, found "5"'],
  ['ORDER StartTime', 'character 7: expected BY'],
  ['ORDER BY CloseTime', 'character 10: lists can be ordered by StartTime only, not by CloseTime'],
  ['ORDER BY StartTime UP', 'character 20: expected the end, found "UP"'],
  ["WorkflowType BETWEEN 'a' AND 'b'", 'character 14: expected one of = != STARTS_WITH, IN or IS NULL after WorkflowType'],
  ["(Status = 'Failed'", 'character 19: expected ")", found the end'],
  ["Status = 'Failed' AND", 'character 22: expected NOT, "("'],
  [`${'('.repeat(21)}Status = 'Failed'`, 'character 21: expected at most 20 levels'],
  [`TaskQueue IN (${"'a',".repeat(100)}'b')`, 'expected at most 100 comparisons'],
])('refuses %s', (filter, problem) => {
  expect(problemOf(filter)).toContain(problem);
});

test('ORDER BY ends a filter, or stands alone', () => {
  const orderOf = (filter: string): unknown => parseFilter(filter, NOW, DECLARED).order;
  expect(
    ["Status = 'Failed'", 'ORDER BY StartTime', 'order by starttime desc', "Status = 'Failed' ORDER BY StartTime ASC"].map(orderOf),
  ).toEqual([undefined, 'newestFirst', 'newestFirst', 'oldestFirst']);
  expect(parseFilter('ORDER BY StartTime', NOW).filter).toBeUndefined();
});

test('R-VIS-4: a caret stands under the place, in its line', () => {
  expect(problemOf("Status = 'Failed'\n  AND\tCustomer > 'a' OR Urgent = true")).toBe(
    `filter, character 34: expected one of = != STARTS_WITH, IN or IS NULL after Customer, found ">"
    AND\tCustomer > 'a' OR Urgent = true
       \t         ^`,
  );
  const long = `Customer = '${'x'.repeat(200)}' AND Status = 1 AND ${'y'.repeat(200)}`;
  const [, line, caret] = problemOf(long).split('\n');
  expect([line?.[caret?.indexOf('^') ?? 0], line?.length]).toEqual(['1', 2 + 1 + 60 + 60 + 1]);
  expect(problemOf("Status = 'Failed' AND").split('\n')[2]).toBe(`  ${' '.repeat(21)}^`);
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
