import { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { expect, test } from 'vitest';
import { eventToPlain, historyRow } from './history.ts';
import { toPlain } from './plain.ts';

const json = (value: unknown) => ({ encoding: 'json/plain', data: Buffer.from(JSON.stringify(value)), metadata: {} });
const time = { seconds: 1_700_000_000n, nanos: 0 };
const event = (id: bigint, attributes: HistoryEvent['attributes']) => HistoryEvent.fromPartial({ id, time, attributes });

test('rows say what happened', () => {
  const started = event(1n, {
    $case: 'workflowStarted',
    value: { workflowType: 'greet', taskQueue: 'q', input: [json('World')] } as never,
  });
  expect(historyRow(started)).toEqual(['1', '2023-11-14T22:13:20.000Z', 'WorkflowStarted', 'greet  "World"  queue q']);
  const scheduled = event(2n, {
    $case: 'activityScheduled',
    value: { number: 1, activityId: '1', activityType: 'charge', input: [json(5), json({ a: 1 })] } as never,
  });
  expect(historyRow(scheduled)[3]).toBe('activity 1 charge  5, {"a":1}');
  const failure = { message: 'declined', info: { $case: 'application', value: { type: 'CardDeclined' } } };
  const failed = event(3n, { $case: 'activityFailed', value: { number: 1, attempt: 5, failure } as never });
  expect(historyRow(failed)[3]).toBe('activity 1  attempt 5  CardDeclined: declined');
  const timer = event(4n, { $case: 'timerStarted', value: { number: 2, duration: { seconds: 3n, nanos: 0 } } as never });
  expect(historyRow(timer)[3]).toBe('timer 2  after 3s');
});

test('an event this version does not know is still shown', () => {
  expect(historyRow(event(9n, undefined))).toEqual(['9', '2023-11-14T22:13:20.000Z', 'Unknown', '(an event this version does not know)']);
});

test('events are flat JSON', () => {
  const fired = event(5n, { $case: 'timerFired', value: { number: 2, startedEventId: 4n } });
  expect(toPlain(eventToPlain(fired))).toEqual({
    id: 5,
    time: '2023-11-14T22:13:20.000Z',
    type: 'TimerFired',
    number: 2,
    startedEventId: 4,
  });
});
