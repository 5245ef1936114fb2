import { createContext, runInContext } from 'node:vm';
import { Failure } from '@perdure/proto/perdure/api/v1/failure';
import { expect, test } from 'vitest';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  errorToFailure,
  failureToError,
  isCancellation,
  NondeterminismError,
  PerdureFailure,
  ServiceFailure,
  TerminatedFailure,
  TimeoutFailure,
} from './failure.ts';
import { defaultPayloadConverter as converter } from './payload-converter.ts';

/** Over the wire and back. */
function roundTrip(error: unknown): Error & Record<string, unknown> {
  const bytes = Failure.encode(errorToFailure(error, converter)).finish();
  return failureToError(Failure.decode(bytes), converter) as Error & Record<string, unknown>;
}

const DIFFERENCE = {
  eventId: 3,
  taskEventId: 2,
  position: 1,
  recorded: undefined,
  produced: undefined,
  recordedBuildId: 'one',
  producedBuildId: 'two',
  difference: '',
};

test('every class survives with its fields, stack and cause', () => {
  const info = { activityType: 'charge', activityId: '1', attempt: 3, retryState: 'maximumAttemptsReached', identity: 'w' } as const;
  const errors = [
    new ApplicationFailure({
      message: 'a',
      type: 'T',
      nonRetryable: true,
      details: [1, { b: 2 }],
      nextRetryDelay: '5s',
      cause: new Error('why'),
    }),
    new ActivityFailure('b', info, new TimeoutFailure('late', 'startToClose', { at: 7 })),
    new CancelledFailure('c', ['x']),
    new TerminatedFailure('d', 'somebody'),
    new ServiceFailure('e', 'DELIVERY_LOST', true),
    new NondeterminismError({ ...DIFFERENCE, recorded: { step: 'start timer 1', callSite: 'a.ts:1:2' } }),
  ];
  for (const error of errors) {
    const back = roundTrip(error);
    expect(back.constructor).toBe(error.constructor);
    expect(back.stack).toBe(error.stack);
    expect({ ...back }).toEqual({ ...error });
    expect((back.cause as Error | undefined)?.message).toBe((error.cause as Error | undefined)?.message);
  }
});

test('what only calls itself a NondeterminismError stays what it is', () => {
  for (const details of [[], [null], [{ ...DIFFERENCE, eventId: '3' }], [{ ...DIFFERENCE, recorded: 'timer' }]]) {
    const back = roundTrip(new ApplicationFailure({ message: 'mine', type: 'NondeterminismError', details }));
    expect(back).not.toBeInstanceOf(NondeterminismError);
    expect(back.message).toBe('mine');
    expect(back.details).toEqual(details);
  }
});

test('a user class keeps its name as type', () => {
  class OutOfStock extends Error {}
  class Renamed extends Error {
    override name = 'SoldOut';
  }
  class Own extends ApplicationFailure {}
  expect(roundTrip(new OutOfStock('x'))).toMatchObject({ type: 'OutOfStock', message: 'x' });
  expect(roundTrip(new Renamed('x')).type).toBe('SoldOut');
  expect(roundTrip(new Own({ message: 'x' })).type).toBe('Own');
});

test('instanceof goes by brand: across realms, for the right class only, and for user classes as usual', () => {
  const foreign = runInContext(
    `Object.defineProperty(new Error('x'), Symbol.for('perdure.failure'), { value: 'CancelledFailure' })`,
    createContext(),
  );
  expect(foreign instanceof Error).toBe(false);
  expect(foreign instanceof CancelledFailure).toBe(true);
  expect(foreign instanceof PerdureFailure).toBe(true);
  expect(foreign instanceof ApplicationFailure).toBe(false);
  class Own extends ApplicationFailure {}
  expect(new Own() instanceof Own).toBe(true);
  expect(new Own() instanceof ApplicationFailure).toBe(true);
  expect(new ApplicationFailure() instanceof Own).toBe(false);
  expect(
    isCancellation(
      new ActivityFailure('x', { activityType: '', activityId: '', attempt: 1, retryState: 'cancelRequested', identity: '' }, foreign),
    ),
  ).toBe(true);
});

test('whatever is thrown becomes a failure', () => {
  expect(roundTrip('text')).toMatchObject({ message: 'thrown: text', type: 'NonError', details: ['text'] });
  expect(roundTrip(undefined).message).toBe('thrown: undefined');
  expect(roundTrip({ code: 7 })).toMatchObject({ message: 'thrown: {"code":7}', details: [{ code: 7 }] });
  const hostile = Object.defineProperty(new Error('x'), 'message', {
    get() {
      throw new Error('no');
    },
  });
  expect(roundTrip(hostile).message).toBe('');
});

test('cycles of causes end, and large texts are cut', () => {
  const error = new Error('a');
  error.cause = new Error('b', { cause: error });
  expect(((roundTrip(error).cause as Error).cause as Error | undefined)?.message).toBeUndefined();
  let deep: Error = new Error('end');
  for (let at = 0; at < 200; at += 1) deep = new Error('more', { cause: deep });
  expect(() => roundTrip(deep)).not.toThrow();
  const huge = new Error('m'.repeat(100_000));
  huge.stack = 's'.repeat(100_000);
  const back = errorToFailure(huge, converter);
  expect(back.message.length).toBeLessThan(17_000);
  expect(back.stackTrace.length).toBeLessThan(9_000);
});

test('details that cannot be serialized are named in their place', () => {
  const [detail] = roundTrip(new ApplicationFailure({ details: [10n] })).details as unknown[];
  expect(detail).toMatch(/failure detail \(bigint\) cannot be serialized/);
});

test('text that cannot be stored does not hide an error', () => {
  const failure = errorToFailure(ApplicationFailure.nonRetryable('a\0b', `T\0${'x'.repeat(400)}`), converter);
  expect(failure.message).toBe('a\ufffdb');
  expect(failure.info?.$case === 'application' && failure.info.value.type).toMatch(/^T\ufffdx{298}… \(102 characters more\)$/);
});
