/**
 * What a database would refuse or, worse, silently change, found before anything is sent: NUL in texts, ids that are
 * not UUIDs, batches that are not well formed. Both stores use it, so that a poisonous record is one in simulation too.
 */
import { type CommitRecord, type RunKey, StoreError } from './store.ts';

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

/** Throws poison when the batch breaks the contract of `Store.commit` or holds a value no database takes. */
export function checkBatch(records: readonly CommitRecord[]): void {
  const runs = new Set<string>();
  for (const record of records) {
    checkKey(record.key);
    checkTexts(record);
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
  }
}
