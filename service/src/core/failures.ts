/** Failures made or kept by the service. */
import { Failure } from '@perdure/proto/perdure/api/v1/failure';
import { encode } from './encode.ts';
import { MAX_MARK_FAILURE_BYTES } from './limits.ts';

/** A failure whose source is the service. `type` is the application type or the service's reason. */
export function failureOf(kind: 'application' | 'service', message: string, type: string): Failure {
  const info: Failure['info'] =
    kind === 'service'
      ? { $case: 'service', value: { reason: type, nonRetryable: false } }
      : { $case: 'application', value: { type, nonRetryable: false, details: [], nextRetryDelay: undefined } };
  return Failure.create({ message, source: 'service', info });
}

/** Cuts a failure to what a mark may hold: first its stack and details, then its causes, then its message. */
export function cutFailure(failure: Failure): Failure {
  if (sizeOf(failure) <= MAX_MARK_FAILURE_BYTES) return failure;
  const share = MAX_MARK_FAILURE_BYTES / 4;
  const slim: Failure = {
    ...failure,
    stackTrace: cutText(failure.stackTrace, share),
    message: cutText(failure.message, share),
    info: slimInfo(failure.info),
    // It cannot be cut: a part of what is encrypted says nothing.
    encodedAttributes: (failure.encodedAttributes?.data.length ?? 0) > 2 * share ? undefined : failure.encodedAttributes,
  };
  if (sizeOf(slim) <= MAX_MARK_FAILURE_BYTES) return slim;
  const cause =
    failure.cause === undefined
      ? undefined
      : Failure.create({ message: cutText(failure.cause.message, share), source: failure.cause.source });
  const alone = { ...slim, cause };
  return sizeOf(alone) <= MAX_MARK_FAILURE_BYTES ? alone : Failure.create({ message: slim.message, source: cutText(failure.source, 100) });
}

function sizeOf(failure: Failure): number {
  return encode(Failure, failure).length;
}

function slimInfo(info: Failure['info']): Failure['info'] {
  if (info?.$case !== 'application') return info;
  return { $case: 'application', value: { ...info.value, type: cutText(info.value.type, 200), details: [] } };
}

/** Cuts to at most `bytes` of UTF-8 without splitting a character. */
function cutText(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const kept = Buffer.from(text).subarray(0, Math.floor(bytes) - 16);
  return `${kept.toString('utf8').replace(/\ufffd+$/, '')}… (cut)`;
}
