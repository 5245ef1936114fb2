import { DescribeWorkflowResponse } from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, test } from 'vitest';
import { payloadToPlain, toPlain } from './plain.ts';

const json = (value: unknown) => ({ encoding: 'json/plain', data: Buffer.from(JSON.stringify(value)), metadata: {} });

test('messages become JSON with stable keys', () => {
  const response = DescribeWorkflowResponse.fromPartial({
    summary: {
      execution: { workflowId: 'w', runId: 'r' },
      status: 6,
      startTime: { seconds: 1_700_000_000n, nanos: 120_000_000 },
      historyLength: 7n,
    },
    runTimeout: { seconds: 90n, nanos: 0 },
    pendingActivities: [
      { state: 3, failures: [{ attempt: 1, failure: { message: 'm', info: { $case: 'application', value: { type: 'T' } } } }] },
    ],
    variables: { paid: json({ cents: 5 }) },
  });
  const plain = toPlain(response) as Record<string, Record<string, unknown>>;
  expect(plain.summary).toMatchObject({
    status: 'TimedOut',
    startTime: '2023-11-14T22:13:20.120Z',
    closeTime: null,
    historyLength: 7,
    memo: {},
  });
  expect(plain.runTimeout).toBe('90s');
  expect(plain.pendingActivities?.[0]).toMatchObject({
    state: 'BackingOff',
    failures: [{ attempt: 1, failure: { message: 'm', application: { type: 'T', nonRetryable: false } } }],
  });
  expect(plain.variables).toEqual({ paid: { cents: 5 } });
  expect(Object.keys(plain)).toEqual(Object.keys(DescribeWorkflowResponse.fromPartial({})));
});

test('fractions of durations are kept, numbers too large for JSON become text', () => {
  expect(toPlain({ delay: { seconds: 0n, nanos: 250_000_000 }, size: 2n ** 60n })).toEqual({ delay: '0.25s', size: '1152921504606846976' });
});

test('payloads of other encodings and broken JSON are shown as bytes', () => {
  expect(payloadToPlain({ encoding: 'binary/null', data: new Uint8Array(), metadata: {} })).toBeNull();
  expect(payloadToPlain({ encoding: 'binary/plain', data: Uint8Array.of(1, 2), metadata: { k: Uint8Array.of(3) } })).toEqual({
    encoding: 'binary/plain',
    data: 'AQI=',
    metadata: { k: 'Aw==' },
  });
  expect(payloadToPlain({ encoding: 'json/plain', data: Buffer.from('{'), metadata: {} })).toMatchObject({ data: 'ew==' });
});
