/**
 * What a database would refuse or, worse, silently change, found before anything is sent: NUL in texts, ids that are
 * not UUIDs, batches that are not well formed. Both stores use it, so that a poisonous record is one in simulation too.
 */
import { OPEN_STATUS } from './seed.ts';
import {
  type CommitRecord,
  type ExecutionRow,
  type HistoryRow,
  type NamespaceRow,
  type RunKey,
  StoreError,
  type VisibilityFilter,
} from './store.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function poison(message: string, sqlState: string): StoreError {
  return new StoreError('poison', message, sqlState);
}

/** Throws poison unless `value` can be stored in a TEXT column and read back unchanged. */
export function checkText(field: string, value: string): void {
  if (value.includes('\0')) throw poison(`${field} contains U+0000`, '22021');
  if (!value.isWellFormed()) throw poison(`${field} is not well-formed Unicode`, '22021');
}

/** Throws poison unless `value` is a UUID in lower case: another spelling would come back changed. */
export function checkUuid(field: string, value: string): void {
  if (!UUID.test(value)) throw poison(`${field} is not a UUID in lower case: ${JSON.stringify(value)}`, '22P02');
}

function checkKey(key: RunKey): void {
  checkUuid('namespace id', key.namespaceId);
  checkUuid('run id', key.runId);
  checkText('workflow id', key.workflowId);
}

function checkTexts(record: CommitRecord): void {
  const { execution, visibility } = record;
  if (execution !== undefined) {
    checkText('workflow type', execution.type);
    checkText('task queue', execution.taskQueue);
  }
  if (visibility === undefined) return;
  checkText('workflow type', visibility.type);
  checkText('task queue', visibility.taskQueue);
  checkText('build id', visibility.buildId);
  checkText('blocked cause', visibility.blockedCause);
  if (visibility.attributes !== undefined) {
    const json = JSON.stringify(visibility.attributes);
    // JSON.stringify writes both as escapes: U+0000 is refused by JSONB, a lone surrogate as well.
    if (/\\u(0000|d[89a-f][0-9a-f]{2})/.test(json)) checkAttributes(visibility.attributes);
  }
}

/** The quick search above also finds an escaped backslash before "u0000", so the values themselves decide. */
function checkAttributes(value: unknown): void {
  if (typeof value === 'string') checkText('search attribute', value);
  else if (Array.isArray(value)) value.forEach(checkAttributes);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      checkText('search attribute name', name);
      checkAttributes(item);
    }
  }
}

const INT4_MAX = 2 ** 31 - 1;

function checkInt8(field: string, value: number): void {
  if (!Number.isSafeInteger(value)) throw poison(`${field} is not a whole number below 2^53: ${value}`, '22003');
}

function checkInt4(field: string, value: number): void {
  if (!Number.isInteger(value) || Math.abs(value) > INT4_MAX) throw poison(`${field} is not a whole number below 2^31: ${value}`, '22003');
}

function checkRow(row: HistoryRow): void {
  checkInt8('first event id', row.firstEventId);
  checkInt4('event count', row.eventCount);
}

function checkExecutionNumbers(row: ExecutionRow): void {
  checkInt4('status', row.status);
  if (row.wakeAt !== null) checkInt8('wake time', row.wakeAt);
  checkInt8('last seq', row.lastSeq);
  checkInt8('next event id', row.nextEventId);
  checkInt8('start time', row.startedAt);
  if (row.closedAt !== null) checkInt8('close time', row.closedAt);
  if (row.checkpointSeq !== undefined) checkInt8('checkpoint seq', row.checkpointSeq);
}

function checkNumbers({ rows, execution, visibility }: CommitRecord): void {
  for (const row of rows) checkRow(row);
  if (execution !== undefined) checkExecutionNumbers(execution);
  if (visibility === undefined) return;
  checkInt4('status', visibility.status);
  checkInt8('start time', visibility.startedAt);
  if (visibility.closedAt !== null) checkInt8('close time', visibility.closedAt);
  checkInt8('history length', visibility.historyLength);
}

/** Throws poison when a filter compares with a value that no column can have. */
export function checkFilter(filter: VisibilityFilter | undefined): void {
  if (filter === undefined) return;
  if (filter.kind !== 'compare') {
    filter.terms.forEach(checkFilter);
    return;
  }
  checkText('field', filter.field);
  if (typeof filter.value === 'string') checkText(filter.field, filter.value);
  else if (typeof filter.value === 'number' && filter.type === 'double') checkFinite(filter.field, filter.value);
  else if (typeof filter.value === 'number') checkInt8(filter.field, filter.value);
}

function checkFinite(field: string, value: number): void {
  if (!Number.isFinite(value)) throw poison(`${field} is not a finite number: ${value}`, '22003');
}

/** Throws poison when the namespace holds text that no database stores. */
export function checkNamespace(row: NamespaceRow): void {
  checkUuid('namespace id', row.namespaceId);
  checkText('namespace name', row.name);
  checkAttributes(row.config);
}

/** Throws poison when the batch breaks the contract of `Store.commit` or holds a value no database takes. */
export function checkBatch(records: readonly CommitRecord[]): void {
  const runs = new Set<string>();
  const started = new Map<string, string>();
  for (const record of records) {
    checkKey(record.key);
    checkTexts(record);
    checkNumbers(record);
    const { runId } = record.key;
    if (runs.has(runId)) throw poison(`run ${runId} appears twice in one batch`, 'P0001');
    runs.add(runId);
    let seq = record.prevSeq;
    for (const row of record.rows) {
      seq += 1;
      if (row.seq !== seq) throw poison(`run ${runId}: row ${row.seq} where ${seq} was expected`, 'P0001');
    }
    if (record.prevSeq === 0 && (record.execution === undefined || record.rows.length === 0)) {
      throw poison(`run ${runId}: a start needs a row and an execution`, 'P0001');
    }
    checkOpenRuns(started, record);
  }
}

/**
 * The statement compares a start with stored open runs only, and takes a run for closed that says it `closes`: whatever else
 * would leave a workflow id with two open runs has to be seen here.
 */
function checkOpenRuns(started: Map<string, string>, { key, prevSeq, execution, closes }: CommitRecord): void {
  const { namespaceId, workflowId, runId } = key;
  const isOpen = execution?.status === OPEN_STATUS;
  if (closes && (isOpen || execution === undefined)) throw poison(`run ${runId}: closes without the row of a closed run`, 'P0001');
  if (prevSeq > 0 || !isOpen) return;
  const name = `${namespaceId}/${workflowId}`;
  const other = started.get(name);
  if (other !== undefined) throw poison(`runs ${other} and ${runId} would both be open runs of ${JSON.stringify(workflowId)}`, 'P0001');
  started.set(name, runId);
}
