/** Every registered statement is in the dialect of both databases, and the check of that refuses what is not. */
import { describe, expect, test } from 'vitest';
import { dialectProblems } from '../../../test/support/store/dialect.ts';
import type { Comparison, ValueType } from '../../core/visibility-fields.ts';
import '../migrations/migrate.ts';
import { DEFAULT_NAMESPACE } from '../seed.ts';
import type { VisibilityFilter } from '../store.ts';
import './admin.ts';
import { registeredStatements } from './statements.ts';
import './store.ts';
import { countStatement, groupStatement, listStatement } from './visibility.ts';

const { namespaceId } = DEFAULT_NAMESPACE;

test('all modules have registered their statements', () => {
  const names = registeredStatements().map((statement) => statement.name);
  expect(names).toContain('commit_batch');
  expect(names).toContain('migration_executions');
  expect(names.length).toBeGreaterThan(30);
});

test.each(registeredStatements())('$name', ({ text }) => {
  expect(dialectProblems(text)).toEqual([]);
});

describe('lists and counts', () => {
  const compare = (field: string, type: ValueType, op: Comparison, value: string | number | boolean = ''): VisibilityFilter => ({
    kind: 'compare',
    field,
    type,
    op,
    value,
  });
  const texts = ['=', '!=', 'startsWith', 'notStartsWith', 'isNull', 'isNotNull'] as const;
  const ordered = ['=', '!=', '<', '<=', '>', '>=', 'isNull', 'isNotNull'] as const;
  const filters: (VisibilityFilter | undefined)[] = [
    undefined,
    { kind: 'and', terms: [] },
    { kind: 'or', terms: texts.map((op) => compare('WorkflowId', 'keyword', op, 'order')) },
    { kind: 'or', terms: texts.map((op) => compare('BlockedCause', 'keyword', op, 'x')) },
    { kind: 'and', terms: ordered.map((op) => compare('CloseTime', 'datetime', op, 5)) },
    compare('RunId', 'keyword', '=', '00000000-0000-7000-8000-000000000001'),
    compare('RunId', 'keyword', 'startsWith', '0000'),
    compare('Status', 'int', '!=', 1),
    { kind: 'or', terms: texts.map((op) => compare('Customer', 'keyword', op, 'c1')) },
    { kind: 'or', terms: ordered.map((op) => compare('Amount', 'double', op, 1.5)) },
    { kind: 'or', terms: (['=', '!=', 'isNull'] as const).map((op) => compare('Tags', 'keywordList', op, 'a')) },
    { kind: 'or', terms: (['=', '!=', 'isNull'] as const).map((op) => compare('Urgent', 'bool', op, true)) },
  ];
  test.each(filters.map((filter) => ({ filter })))('$filter', ({ filter }) => {
    const last = { startedAt: 5, runId: '00000000-0000-7000-8000-000000000001' };
    for (const after of [undefined, last])
      for (const order of ['newestFirst', 'oldestFirst'] as const)
        expect(dialectProblems(listStatement({ namespaceId, filter, limit: 5, after, order }).text)).toEqual([]);
    expect(dialectProblems(countStatement(namespaceId, filter).text)).toEqual([]);
    for (const [field, type] of [
      ['Status', 'int'],
      ['BuildId', 'keyword'],
      ['Customer', 'keyword'],
    ] as const)
      expect(dialectProblems(groupStatement(namespaceId, filter, { field, type }, 5).text)).toEqual([]);
  });
});

/** A statement that must be refused, and the problem that must be named. */
const REFUSED: readonly (readonly [sql: string, problem: string])[] = [
  ['SELECT FROM WHERE', 'syntax'],
  ['SELECT 1; SELECT 2', 'more or less'],
  ['', 'syntax'],
  ['CREATE TABLE IF NOT EXISTS a (b INT NOT NULL, PRIMARY KEY (b))', 'type pg_catalog.int4'],
  ['CREATE TABLE IF NOT EXISTS a (b INTEGER NOT NULL, PRIMARY KEY (b))', 'type pg_catalog.int4'],
  ['CREATE TABLE IF NOT EXISTS a (b SERIAL, PRIMARY KEY (b))', 'type serial'],
  ['CREATE TABLE IF NOT EXISTS a (b VARCHAR(10) NOT NULL, PRIMARY KEY (b))', 'type pg_catalog.varchar'],
  ['CREATE TABLE IF NOT EXISTS a (b TIMESTAMP NOT NULL, PRIMARY KEY (b))', 'type pg_catalog.timestamp'],
  ['CREATE TABLE IF NOT EXISTS a (b INT8[][] NOT NULL, PRIMARY KEY (b))', 'array of arrays'],
  ['CREATE TABLE a (b INT8 NOT NULL, PRIMARY KEY (b))', 'IF NOT EXISTS'],
  ['CREATE TABLE IF NOT EXISTS a (b INT8 NOT NULL)', 'primary key'],
  ['CREATE TABLE IF NOT EXISTS a (b INT8 NOT NULL REFERENCES c (d), PRIMARY KEY (b))', 'CONSTR_FOREIGN'],
  ['CREATE TABLE IF NOT EXISTS a (b INT8 GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (b))', 'CONSTR_IDENTITY'],
  ['CREATE TABLE IF NOT EXISTS a (b INT8 NOT NULL, EXCLUDE (b WITH =), PRIMARY KEY (b))', 'CONSTR_EXCLUSION'],
  ['CREATE TEMP TABLE IF NOT EXISTS a (b INT8 NOT NULL, PRIMARY KEY (b))', 'temporary'],
  ['CREATE UNLOGGED TABLE IF NOT EXISTS a (b INT8 NOT NULL, PRIMARY KEY (b))', 'temporary or unlogged'],
  ['CREATE TABLE IF NOT EXISTS a (b INT8 NOT NULL, PRIMARY KEY (b)) PARTITION BY RANGE (b)', 'partitions'],
  ['CREATE TABLE IF NOT EXISTS a (b INT8 NOT NULL, PRIMARY KEY (b)) WITH (fillfactor = 80)', 'table options'],
  ['CREATE INDEX a ON b (c)', 'IF NOT EXISTS'],
  ['CREATE INDEX IF NOT EXISTS a ON b USING hash (c)', 'index method hash'],
  ['CREATE INDEX IF NOT EXISTS a ON b USING brin (c)', 'index method brin'],
  ['CREATE INDEX IF NOT EXISTS a ON b (c DESC NULLS LAST)', 'NULLS'],
  ["CREATE TYPE a AS ENUM ('b')", 'CreateEnumStmt'],
  ['CREATE SEQUENCE a', 'CreateSeqStmt'],
  ['CREATE TRIGGER a BEFORE INSERT ON b EXECUTE FUNCTION c()', 'CreateTrigStmt'],
  ['ALTER TABLE a ADD COLUMN b INT8 NULL', 'IF NOT EXISTS'],
  ['ALTER TABLE a ADD COLUMN IF NOT EXISTS b INT8 NOT NULL', 'not NULL alone'],
  ['ALTER TABLE a ADD COLUMN IF NOT EXISTS b INT8 DEFAULT 0', 'not NULL alone'],
  ['ALTER TABLE a DROP COLUMN b', 'AT_DropColumn'],
  ['TRUNCATE a', 'TruncateStmt'],
  ['COPY a FROM STDIN', 'CopyStmt'],
  ['MERGE INTO a USING b ON a.c = b.c WHEN MATCHED THEN DELETE', 'MergeStmt'],
  ['NOTIFY a', 'NotifyStmt'],
  ['LISTEN a', 'ListenStmt'],
  ['LOCK TABLE a', 'LockStmt'],
  ['BEGIN', 'TransactionStmt'],
  ['SET enable_seqscan = off', 'VariableSetStmt'],
  ['UPSERT INTO a (b) VALUES (1)', 'syntax'],
  ['SELECT a.b FROM a WHERE a.b = $1', 'without a cast'],
  ['SELECT * FROM a', 'star'],
  ['SELECT a.* FROM a', 'star'],
  ['SELECT a.b / 2 FROM a', 'operator AEXPR_OP /'],
  ['SELECT a.b & 2 FROM a', 'operator AEXPR_OP &'],
  ["SELECT a.b #> '{c}' FROM a", 'operator AEXPR_OP #>'],
  ['SELECT a.b FROM a WHERE a.b ILIKE $1::TEXT', 'AEXPR_ILIKE'],
  ["SELECT nextval('a')", 'function nextval'],
  ['SELECT pg_advisory_lock(1)', 'function pg_advisory_lock'],
  ["SELECT pg_notify('a', 'b')", 'function pg_notify'],
  ['SELECT gen_random_uuid()', 'function gen_random_uuid'],
  ['SELECT now()', 'function now'],
  ['SELECT unnest($1::INT8[])', 'outside of FROM'],
  ['SELECT t FROM unnest($1::INT8[]) AS t', 'without names'],
  ['SELECT t.a FROM unnest($1::INT8[]) WITH ORDINALITY AS t(a, b)', 'ORDINALITY'],
  ['SELECT $1::INT', 'type pg_catalog.int4'],
  ['SELECT a.b FROM a LIMIT 5', 'LIMIT without ORDER BY'],
  ['SELECT a.b FROM a ORDER BY a.b LIMIT 5 OFFSET 5', 'OFFSET'],
  ['SELECT a.b FROM a ORDER BY a.b NULLS FIRST', 'NULLS'],
  ['SELECT DISTINCT a.b FROM a', 'DISTINCT'],
  ['SELECT a.b FROM a WHERE (a.b, a.c) > (1, 2) ORDER BY a.b, a.c DESC', 'two directions'],
  ['SELECT a.b FROM a FOR UPDATE SKIP LOCKED', 'SKIP LOCKED'],
  ['SELECT a.b FROM a FOR SHARE NOWAIT', 'NOWAIT'],
  ['SELECT a.b FROM a FOR KEY SHARE', 'LCS_FORKEYSHARE'],
  ['SELECT a.b FROM a TABLESAMPLE SYSTEM (10)', 'RangeTableSample'],
  ['SELECT a.b FROM a GROUP BY ROLLUP (a.b)', 'GroupingSet'],
  ['SELECT a.b INTO c FROM a', 'INTO'],
  ['DELETE FROM a', 'without WHERE'],
  ['UPDATE a SET b = 1', 'without WHERE'],
  ['DELETE FROM a WHERE a.b = 1 LIMIT 5', 'syntax'],
  ['INSERT INTO a VALUES (1)', 'without column names'],
  ['INSERT INTO a (b) VALUES (1) ON CONFLICT DO NOTHING', 'ON CONFLICT'],
  ['INSERT INTO a (b) VALUES (1) ON CONFLICT ON CONSTRAINT c DO NOTHING', 'ON CONFLICT'],
  ['INSERT INTO a (b) VALUES (1) ON CONFLICT ((b + 1)) DO NOTHING', 'ON CONFLICT'],
  ['WITH c AS (DELETE FROM a WHERE a.b = 1) SELECT 1', 'without RETURNING'],
  ['WITH c AS (DELETE FROM a WHERE a.b = 1 RETURNING a.b) INSERT INTO a (b) VALUES (1)', 'changed twice'],
  ['WITH c AS (WITH d AS (DELETE FROM a WHERE a.b = 1 RETURNING a.b) SELECT d.b FROM d) SELECT c.b FROM c', 'nested WITH'],
];

test.each(REFUSED)('refused: %s', (sql, problem) => {
  expect(dialectProblems(sql).join('; ')).toContain(problem);
});
