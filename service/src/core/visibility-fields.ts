/**
 * The fields by which runs are listed and counted, in one place: a field is one line here, and, unless it has a column of its
 * own, one more in `extraAttributes` of history/show.ts, which keeps it beside the search attributes of the run.
 */

/** What a value is; search attributes are declared with one of these. */
export type ValueType = 'keyword' | 'keywordList' | 'int' | 'double' | 'bool' | 'datetime';

/** How a field compares. Text has no order but its beginning. */
export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'startsWith' | 'notStartsWith' | 'isNull' | 'isNotNull';

/** Columns of `visibility`, by their property in rows of the store. */
export type Column =
  | 'workflowId'
  | 'runId'
  | 'type'
  | 'taskQueue'
  | 'buildId'
  | 'blockedCause'
  | 'status'
  | 'startedAt'
  | 'closedAt'
  | 'historyLength';

export interface VisibilityField {
  /** As filters name it, in any case. */
  readonly name: string;
  readonly type: ValueType;
  /** Undefined: kept with the search attributes, under its name. Times are ms since 1970. */
  readonly column?: Column;
  /** Text that says "none" by being empty: IS NULL finds it. */
  readonly emptyIsNull?: true;
  /** What values are written as, if not as their type says. */
  readonly written?: 'status' | 'uuid';
  /** Runs can be counted by its values. */
  readonly groups?: true;
}

export const FIELDS: readonly VisibilityField[] = [
  { name: 'WorkflowId', type: 'keyword', column: 'workflowId' },
  { name: 'RunId', type: 'keyword', column: 'runId', written: 'uuid' },
  { name: 'WorkflowType', type: 'keyword', column: 'type', groups: true },
  { name: 'TaskQueue', type: 'keyword', column: 'taskQueue', groups: true },
  { name: 'BuildId', type: 'keyword', column: 'buildId', emptyIsNull: true, groups: true },
  { name: 'BlockedCause', type: 'keyword', column: 'blockedCause', emptyIsNull: true, groups: true },
  { name: 'BlockedSince', type: 'datetime' },
  { name: 'Status', type: 'int', column: 'status', written: 'status', groups: true },
  { name: 'StartTime', type: 'datetime', column: 'startedAt' },
  { name: 'CloseTime', type: 'datetime', column: 'closedAt' },
  { name: 'HistoryLength', type: 'int', column: 'historyLength' },
];

const BY_NAME = new Map(FIELDS.map((field) => [field.name, field]));
const BY_LOWER_NAME = new Map(FIELDS.map((field) => [field.name.toLowerCase(), field]));

/** The built-in field of exactly this name. */
export function builtInField(name: string): VisibilityField | undefined {
  return BY_NAME.get(name);
}

/** The built-in field of this name in any case. */
export function builtInFieldInAnyCase(name: string): VisibilityField | undefined {
  return BY_LOWER_NAME.get(name.toLowerCase());
}
