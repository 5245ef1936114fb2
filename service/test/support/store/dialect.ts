/**
 * The SQL that both PostgreSQL and CockroachDB take and mean alike, as an allow-list over PostgreSQL's own parse tree:
 * what is not listed here is refused, so that a new form is looked at before it is used.
 */
import { createRequire } from 'node:module';

// The package's module build does not load in Node; its CommonJS build does.
const { loadModule, parseSync } = createRequire(import.meta.url)('@libpg-query/parser') as {
  loadModule(): Promise<void>;
  parseSync(sql: string): { stmts?: { stmt: Tree }[] };
};
await loadModule();

interface Tree {
  readonly [key: string]: unknown;
}

const NODES = new Set(
  `A_Const A_Expr A_Star AlterTableCmd AlterTableStmt BoolExpr CaseExpr CaseWhen CoalesceExpr ColumnDef ColumnRef CommonTableExpr Constraint CreateStmt DeleteStmt FuncCall
  IndexElem IndexStmt InsertStmt Integer JoinExpr List LockingClause NullTest ParamRef RangeFunction RangeSubselect RangeVar ResTarget RowExpr
  SelectStmt SortBy String SubLink TypeCast UpdateStmt`.split(/\s+/),
);
/** Integer division differs, bit operators bind differently; of JSON only fields, their text and containment. */
const OPERATORS = new Set(['=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '||', '~~', '!~~', '->', '->>', '@>']);
const EXPRESSIONS = new Set(['AEXPR_OP', 'AEXPR_OP_ANY', 'AEXPR_NOT_DISTINCT', 'AEXPR_DISTINCT', 'AEXPR_IN', 'AEXPR_LIKE']);
const FUNCTIONS = new Set(
  'count min max sum substr octet_length row_number unnest generate_series pg_catalog.extract clock_timestamp jsonb_typeof set_config version current_schema'.split(
    ' ',
  ),
);
/** Return several rows, so they may only stand in FROM, with names for their columns. */
const SETS = new Set(['unnest', 'generate_series']);
/** Written so, without size words that mean other sizes elsewhere: INT is eight bytes in CockroachDB. */
const TYPES = new Set(['int8', 'int4', 'text', 'bytea', 'uuid', 'jsonb', 'timestamptz', 'bool', 'float8']);
const CONSTRAINTS = new Set(['CONSTR_NOTNULL', 'CONSTR_NULL', 'CONSTR_PRIMARY']);
const LOCKS = new Set(['LCS_FORSHARE', 'LCS_FORUPDATE']);

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): Tree[] => (Array.isArray(value) ? value.filter(isTree) : []);
const names = (value: unknown): string =>
  list(value)
    .map((item) => (item.String as Tree | undefined)?.sval)
    .join('.');
const inner = (tree: Tree, kind: string): Tree | undefined => (isTree(tree[kind]) ? tree[kind] : undefined);

interface Place {
  /** Kinds of the nodes around, outermost first. */
  readonly path: readonly string[];
  readonly problems: string[];
}

type Check = (node: Tree, place: Place) => void;

function hasRowComparison(tree: unknown): boolean {
  if (Array.isArray(tree)) return tree.some(hasRowComparison);
  if (!isTree(tree)) return false;
  const expression = inner(tree, 'A_Expr');
  if (expression !== undefined && isTree(expression.lexpr) && 'RowExpr' in expression.lexpr) return true;
  return Object.values(tree).some(hasRowComparison);
}

function checkSelect(node: Tree, { problems }: Place): void {
  const sorts = list(node.sortClause).map((item) => inner(item, 'SortBy') ?? {});
  if (node.limitCount !== undefined && sorts.length === 0) problems.push('LIMIT without ORDER BY');
  if (node.limitOffset !== undefined) problems.push('OFFSET');
  if (node.distinctClause !== undefined) problems.push('DISTINCT');
  if (node.intoClause !== undefined) problems.push('SELECT INTO');
  if (sorts.some((sort) => sort.sortby_nulls !== 'SORTBY_NULLS_DEFAULT')) problems.push('NULLS FIRST or LAST');
  const descending = new Set(sorts.map((sort) => sort.sortby_dir === 'SORTBY_DESC'));
  if (hasRowComparison(node.whereClause) && descending.size > 1) problems.push('row comparison with keys of two directions');
}

/** Tables that one statement changes, by the statement itself and by its CTEs. */
function changedTables(node: Tree): string[] {
  const own = inner(node, 'relation')?.relname;
  const with_ = inner(node, 'withClause');
  const below = list(with_?.ctes).flatMap((cte) => {
    const query = inner(inner(cte, 'CommonTableExpr') ?? {}, 'ctequery') ?? {};
    return ['InsertStmt', 'UpdateStmt', 'DeleteStmt'].flatMap((kind) =>
      inner(query, kind) === undefined ? [] : changedTables(inner(query, kind) ?? {}),
    );
  });
  return typeof own === 'string' ? [own, ...below] : below;
}

function checkChange(node: Tree, { path, problems }: Place): void {
  const depth = path.filter((kind) => kind === 'CommonTableExpr').length;
  if (depth > 1) problems.push('a change in a nested WITH');
  if (depth === 1 && node.returningList === undefined) problems.push('a change in WITH without RETURNING');
}

const checkWhere: Check = (node, place) => {
  checkChange(node, place);
  if (node.whereClause === undefined) place.problems.push('UPDATE or DELETE without WHERE');
};

function checkInsert(node: Tree, place: Place): void {
  checkChange(node, place);
  if (list(node.cols).length === 0) place.problems.push('INSERT without column names');
  const conflict = inner(node, 'onConflictClause');
  if (conflict === undefined) return;
  const targets = list(inner(conflict, 'infer')?.indexElems).map((item) => inner(item, 'IndexElem') ?? {});
  if (targets.length === 0 || targets.some((target) => target.name === undefined))
    place.problems.push('ON CONFLICT without the names of key columns');
}

function checkFunction(node: Tree, { path, problems }: Place): void {
  const name = names(node.funcname);
  if (!FUNCTIONS.has(name)) problems.push(`function ${name}`);
  if (SETS.has(name) && (path.at(-1) !== 'List' || path.at(-2) !== 'RangeFunction')) problems.push(`${name} outside of FROM`);
}

function checkType(node: Tree, { problems }: Place): void {
  const type = inner(node, 'typeName') ?? {};
  const name = names(type.names);
  if (!TYPES.has(name)) problems.push(`type ${name}`);
  if (list(type.arrayBounds).length > 1) problems.push('array of arrays');
  if (type.typmods !== undefined) problems.push(`type ${name} with a size`);
}

const CHECKS: Readonly<Record<string, Check>> = {
  SelectStmt: checkSelect,
  InsertStmt: checkInsert,
  UpdateStmt: checkWhere,
  DeleteStmt: checkWhere,
  FuncCall: checkFunction,
  TypeCast: checkType,
  ColumnDef: checkType,
  ParamRef: (_, { path, problems }) => {
    if (path.at(-1) !== 'TypeCast') problems.push('a parameter without a cast');
  },
  A_Star: (_, { problems }) => problems.push('a star in place of column names'),
  A_Expr: (node, { problems }) => {
    if (!EXPRESSIONS.has(String(node.kind)) || !OPERATORS.has(names(node.name))) problems.push(`operator ${node.kind} ${names(node.name)}`);
  },
  RangeFunction: (node, { problems }) => {
    if (list(inner(node, 'alias')?.colnames).length === 0) problems.push('a function in FROM without names of its columns');
    if (node.ordinality === true) problems.push('WITH ORDINALITY');
  },
  RangeVar: (node, { problems }) => {
    if (node.relpersistence !== 'p') problems.push('a temporary or unlogged table');
  },
  LockingClause: (node, { problems }) => {
    if (node.waitPolicy !== 'LockWaitBlock') problems.push('SKIP LOCKED or NOWAIT');
    if (!LOCKS.has(String(node.strength))) problems.push(`lock ${node.strength}`);
  },
  Constraint: (node, { problems }) => {
    if (!CONSTRAINTS.has(String(node.contype))) problems.push(`constraint ${node.contype}`);
  },
  AlterTableStmt: (node, { problems }) => {
    for (const item of list(node.cmds)) {
      const command = inner(item, 'AlterTableCmd') ?? {};
      if (command.subtype !== 'AT_AddColumn') problems.push(`change of a table ${command.subtype}`);
      if (command.missing_ok !== true) problems.push('DDL without IF NOT EXISTS');
      // A default or NOT NULL rewrites or reads the whole table on one database or the other.
      const constraints = list(inner(inner(command, 'def') ?? {}, 'ColumnDef')?.constraints);
      if (constraints.length !== 1 || inner(constraints[0] ?? {}, 'Constraint')?.contype !== 'CONSTR_NULL')
        problems.push('a new column that is not NULL alone');
    }
  },
  CreateStmt: (node, { problems }) => {
    if (node.if_not_exists !== true) problems.push('DDL without IF NOT EXISTS');
    if (inner(node, 'relation')?.relpersistence !== 'p') problems.push('a temporary or unlogged table');
    if (node.inhRelations !== undefined || node.partspec !== undefined) problems.push('inheritance or partitions');
    if (node.options !== undefined) problems.push('table options');
    if (!JSON.stringify(node.tableElts).includes('CONSTR_PRIMARY')) problems.push('a table without a primary key');
  },
  IndexStmt: (node, { problems }) => {
    if (node.if_not_exists !== true) problems.push('DDL without IF NOT EXISTS');
    if (node.accessMethod !== 'btree' && node.accessMethod !== 'gin') problems.push(`index method ${node.accessMethod}`);
    if (node.options !== undefined) problems.push('index options');
  },
  IndexElem: (node, { problems }) => {
    if (node.nulls_ordering !== 'SORTBY_NULLS_DEFAULT') problems.push('NULLS FIRST or LAST');
  },
};

function walk(tree: unknown, place: Place): void {
  if (Array.isArray(tree)) for (const item of tree) walk(item, place);
  if (!isTree(tree)) return;
  for (const [key, value] of Object.entries(tree)) {
    // Node kinds begin with a capital letter, their fields with a small one.
    if (!/^[A-Z]/.test(key)) {
      walk(value, place);
      continue;
    }
    if (!NODES.has(key)) place.problems.push(`form ${key}`);
    if (isTree(value)) CHECKS[key]?.(value, place);
    walk(value, { ...place, path: [...place.path, key] });
  }
}

/** What is wrong with a statement; empty when both databases take it. */
export function dialectProblems(sql: string): string[] {
  const problems: string[] = [];
  let statements: Tree[];
  try {
    statements = (parseSync(sql).stmts ?? []).map((item) => item.stmt);
  } catch (error) {
    return [`syntax: ${(error as Error).message}`];
  }
  if (statements.length !== 1) problems.push('more or less than one statement');
  for (const root of statements) {
    walk(root, { path: [], problems });
    const changed = Object.values(root).filter(isTree).flatMap(changedTables);
    if (new Set(changed).size < changed.length) problems.push('one table changed twice in a statement');
  }
  return problems;
}
