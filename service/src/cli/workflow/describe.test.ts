import { DescribeWorkflowResponse } from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, test } from 'vitest';
import { describeText } from './describe.ts';

const time = (seconds: number) => ({ seconds: BigInt(1_700_000_000 + seconds), nanos: 0 });
const failure = { message: 'declined', info: { $case: 'application' as const, value: { type: 'CardDeclined' } } };

test('a blocked run shows why, since when, and how its activities fare', () => {
  const response = DescribeWorkflowResponse.fromPartial({
    summary: { execution: { workflowId: 'order-1', runId: 'r' }, status: 1, blockedCause: 'ACTIVITY_RETRIES' },
    blocked: { cause: 'ACTIVITY_RETRIES', since: time(0), failure },
    pendingActivities: [
      {
        activityId: '1',
        activityType: 'charge',
        state: 1,
        attempt: 11,
        failureCount: 10,
        nextAttemptTime: time(60),
        lastHeartbeatTime: time(30),
        lastWorkerIdentity: 'worker-7',
        failures: [{ attempt: 10, failure }],
      },
      { activityId: '2', activityType: 'ship', state: 1, attempt: 1 },
    ],
  });
  const lines = describeText(response, {}).split('\n');
  expect(lines).toContain('status         Running (blocked: ACTIVITY_RETRIES)');
  expect(lines).toContain('blocked by     CardDeclined: declined');
  expect(lines).toContain('blocked since  2023-11-14T22:13:20.000Z');
  const cells = lines.slice(lines.findIndex((line) => line.startsWith('ACTIVITY'))).map((line) => line.split(/ {2,}/));
  expect(cells[0]).toEqual([
    'ACTIVITY',
    'TYPE',
    'STATE',
    'ATTEMPT',
    'FAILURES',
    'NEXT ATTEMPT',
    'LAST HEARTBEAT',
    'LAST WORKER',
    'LAST FAILURE',
  ]);
  expect(cells[1]?.slice(3)).toEqual([
    '11',
    '10',
    '2023-11-14T22:14:20.000Z',
    '2023-11-14T22:13:50.000Z',
    'worker-7',
    'CardDeclined: declined',
  ]);
  expect(cells[2]?.slice(3)).toEqual(['1', '0', '-', '-', '-', '-']);
});
