// Failures in marks are cut to 4 KiB: R-ACT-7.
import { Failure } from '@perdure/proto/perdure/api/v1/failure';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutFailure, failureOf } from './failures.ts';
import { MAX_MARK_FAILURE_BYTES } from './limits.ts';

const sizeOf = (failure: Failure): number => Failure.encode(failure).finish().length;
const long = 'x'.repeat(10_000);
const application = (type: string, data: number): Failure['info'] => {
  const details = [{ encoding: 'binary/plain', data: new Uint8Array(data), metadata: {} }];
  return { $case: 'application', value: { type, nonRetryable: true, details, nextRetryDelay: { seconds: 5n, nanos: 0 } } };
};

test('a small failure stays as it is', () => {
  const failure = Failure.create({
    message: 'away',
    stackTrace: 'at x',
    source: 'ts',
    info: application('Down', 100),
    cause: failureOf('service', 'lost', 'X'),
  });
  expect(cutFailure(failure)).toBe(failure);
});

test('the stack and the details go first; what decides about retries stays', () => {
  const cut = cutFailure(Failure.create({ message: 'away', stackTrace: long, source: 'ts', info: application('Down', 5_000) }));
  expect(cut.message).toBe('away');
  expect(cut.stackTrace).toMatch(/^x{900,1024}… \(cut\)$/);
  expect(cut.info).toMatchObject({ value: { type: 'Down', nonRetryable: true, details: [], nextRetryDelay: { seconds: 5n } } });
});

test('then the causes: the first is kept by its message', () => {
  const deep = Failure.create({ message: 'disk full', stackTrace: long, source: 'ts', cause: Failure.create({ message: long }) });
  const cut = cutFailure(Failure.create({ message: 'away', source: 'ts', info: application('Down', 0), cause: deep }));
  expect(cut.cause).toEqual(Failure.create({ message: 'disk full', source: 'ts' }));
  expect(cut.info).toMatchObject({ value: { type: 'Down' } });
});

test('a cut does not split a character', () => {
  const { message } = cutFailure(Failure.create({ message: '€'.repeat(4_000) }));
  expect(message).toMatch(/^€{300,340}… \(cut\)$/);
});

test('no failure is larger than a mark may hold', () => {
  const text = fc.oneof(fc.constant(''), fc.constant(long), fc.constant('😀'.repeat(3_000)), fc.string());
  const info = fc.oneof(
    fc.constant(undefined),
    fc.tuple(text, fc.nat(9_000)).map(([type, data]) => application(type, data)),
    fc.nat(9_000).map((size): Failure['info'] => ({
      $case: 'canceled',
      value: { details: [{ encoding: 'binary/plain', data: new Uint8Array(size), metadata: {} }] },
    })),
    text.map((identity): Failure['info'] => ({ $case: 'terminated', value: { identity } })),
  );
  const encodedAttributes = fc.option(
    fc.nat(9_000).map((size) => ({ encoding: 'sealed', data: new Uint8Array(size), metadata: {} })),
    { nil: undefined },
  );
  const flat = fc.record({ message: text, stackTrace: text, source: text, info, encodedAttributes });
  const chains = fc
    .array(flat, { minLength: 1, maxLength: 4 })
    .map((links) => links.reduceRight<Failure | undefined>((cause, link) => ({ ...link, cause, encodedAttributes: undefined }), undefined));
  fc.assert(
    fc.property(chains, (failure) => {
      const cut = cutFailure(failure as Failure);
      expect(sizeOf(cut)).toBeLessThanOrEqual(MAX_MARK_FAILURE_BYTES);
      // What is cut once is small enough to stay.
      expect(cutFailure(cut)).toBe(cut);
    }),
  );
});
