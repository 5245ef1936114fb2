import { BadRequest, ResourceInfo } from '@perdure/proto/google/rpc/error_details';
import { Status } from '@perdure/proto/google/rpc/status';
import { expect, test } from 'vitest';
import { badField, PerdureError, REASONS, type Reason, tooLarge } from '../errors.ts';
import { readStatus, statusOf, toPerdureError } from './status.ts';

const detail = (error: PerdureError, name: string): Uint8Array | undefined =>
  Status.decode(statusOf(error).details).details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`)?.value;

test('every reason travels with its code, message and metadata', () => {
  for (const reason of Object.keys(REASONS) as Reason[]) {
    const status = statusOf(new PerdureError(reason, 'what happened', { a: 'b' }, 1_500));
    expect(status.code).toBe(REASONS[reason].code);
    expect(readStatus(status.details)).toEqual({ reason, message: 'what happened', metadata: { a: 'b' }, retryAfterMs: 1_500 });
  }
});

test('R-API-1: wrong fields are named for generic clients', () => {
  const wrong = BadRequest.decode(detail(badField('items[3].workflow_id', 'empty'), 'BadRequest') ?? new Uint8Array());
  expect(wrong.fieldViolations).toEqual([{ field: 'items[3].workflow_id', description: 'items[3].workflow_id: empty' }]);
  const large = BadRequest.decode(detail(tooLarge('memo', 9, 5), 'BadRequest') ?? new Uint8Array());
  expect(large.fieldViolations[0]).toEqual({ field: 'memo', description: 'memo: 9 bytes, the limit is 5' });
});

test('what was not found is named for generic clients', () => {
  const error = new PerdureError('WORKFLOW_NOT_FOUND', 'no such workflow', { workflow_id: 'order-1' });
  const info = ResourceInfo.decode(detail(error, 'ResourceInfo') ?? new Uint8Array());
  expect([info.resourceType, info.resourceName]).toEqual(['perdure.api.v1/Workflow', 'order-1']);
  expect(detail(error, 'RetryInfo')).toBeUndefined();
});

test('long texts are cut, so that the status fits into 8 KiB of headers', () => {
  for (const text of ['é', '🙂', '語', 'x']) {
    const status = statusOf(
      new PerdureError('BAD_FIELD', text.repeat(100_000), { field: text.repeat(10_000), value: text.repeat(10_000) }),
    );
    expect(status.message.isWellFormed()).toBe(true);
    expect(status.message).toMatch(/^[^\ufffd]+…$/u);
    expect(encodeURI(status.message).length + (status.details.length * 4) / 3).toBeLessThan(8_000);
  }
});

test('texts that are not well-formed can be sent', () => {
  const status = statusOf(new PerdureError('BAD_FIELD', 'name: \ud800', { field: '\udfff' }));
  expect(encodeURI(status.message)).toBe('name:%20%EF%BF%BD');
});

test('unexpected errors show an id and nothing else; the rest is reported', () => {
  const reported: unknown[] = [];
  const cause = new Error('password=secret');
  const error = toPerdureError(
    cause,
    () => 'id-1',
    (...args) => void reported.push(args),
  );
  expect([error.reason, error.message, error.metadata]).toEqual(['INTERNAL', 'internal error id-1', { id: 'id-1' }]);
  expect(reported).toEqual([['id-1', cause]]);
});

test('details of other services are not taken for ours', () => {
  expect(readStatus(Status.encode({ code: 3, message: 'x', details: [] }).finish())).toBeUndefined();
});
