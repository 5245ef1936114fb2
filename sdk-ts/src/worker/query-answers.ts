/** Answers of queries that travel together must fit one request: those that do not are asked for again, one at a time. */
import type { QueryResult } from '@perdure/proto/perdure/api/v1/query';
import { ApplicationFailure, errorToFailure } from '../common/failure.ts';
import { defaultPayloadConverter } from '../common/payload-converter.ts';
import { roughBytes } from '../common/size.ts';

/** Under the service's limit of 4 MiB for one request. */
const MAX_BYTES = 3.75 * 1024 * 1024;

/** The answers; in place of those for which no room is left beside `taken` bytes, a failure that says so. */
export function fitAnswers(results: readonly QueryResult[], taken = 0): QueryResult[] {
  let room = MAX_BYTES - taken;
  return results.map((result) => {
    const bytes = roughBytes(result);
    if (bytes <= room) {
      room -= bytes;
      return result;
    }
    const message = `the answer of about ${bytes} bytes did not fit beside others; ask again`;
    const failure = errorToFailure(ApplicationFailure.retryable(message, 'TOO_LARGE'), defaultPayloadConverter);
    return { queryId: result.queryId, outcome: { $case: 'failure', value: { ...failure, stackTrace: '' } } };
  });
}
