/** The table of failures, code by code. */
import { expect, test } from 'vitest';
import { StoreError } from '../store.ts';
import { classify, losesConnection } from './failures.ts';

const answered = (code: string, severity = 'ERROR'): Error => Object.assign(new Error(`answered ${code}`), { code, severity });
const unanswered = (message: string, code?: string): Error => Object.assign(new Error(message), code === undefined ? {} : { code });

test.each([
  // Rolled back, as the server says.
  ['40001', 'abort'],
  ['40P01', 'abort'],
  ['40000', 'abort'],
  ['55P03', 'abort'],
  ['25P02', 'abort'],
  ['57014', 'abort'],
  ['0A000', 'abort'],
  ['26000', 'abort'],
  // A bad value, for ever.
  ['22021', 'poison'],
  ['22P02', 'poison'],
  ['22P05', 'poison'],
  ['23505', 'poison'],
  ['23514', 'poison'],
  ['42703', 'poison'],
  ['54000', 'poison'],
  // Nobody knows.
  ['40003', 'ambiguous'],
  ['08006', 'ambiguous'],
  ['08007', 'ambiguous'],
  ['57P01', 'ambiguous'],
  ['57P02', 'ambiguous'],
  ['XX000', 'ambiguous'],
  // The database cannot serve.
  ['42501', 'down'],
  ['53100', 'down'],
  ['53200', 'down'],
  ['53300', 'down'],
  ['57P03', 'down'],
  ['25006', 'down'],
  ['28P01', 'down'],
  ['58030', 'down'],
  ['99999', 'down'],
])('the server answers a write with %s: %s', (code, kind) => {
  const failure = classify(answered(code), 'write');
  expect([failure.kind, failure.sqlState]).toEqual([kind, code]);
});

test.each([
  unanswered('Connection terminated unexpectedly'),
  unanswered('Query read timeout'),
  unanswered('read ECONNRESET', 'ECONNRESET'),
  unanswered('write EPIPE', 'EPIPE'),
  unanswered('Client has encountered a connection error and is not queryable'),
  'not even an error',
])('no answer to a write is ambiguous, to a read it is down: %s', (error) => {
  expect(classify(error, 'write').kind).toBe('ambiguous');
  expect(classify(error, 'read').kind).toBe('down');
  expect(losesConnection(error)).toBe(true);
});

test('a read is never ambiguous', () => {
  for (const code of ['40003', '08006', '57P01', 'XX000']) expect(classify(answered(code), 'read').kind).toBe('down');
  expect(classify(answered('40001'), 'read').kind).toBe('abort');
});

test('what fails while connecting was not sent', () => {
  for (const error of [unanswered('connect ECONNREFUSED', 'ECONNREFUSED'), answered('57P03', 'FATAL'), answered('40001')]) {
    expect(classify(error, 'connect').kind).toBe('down');
  }
});

test('a StoreError stays what it is', () => {
  const failure = new StoreError('poison', 'bad');
  expect(classify(failure, 'write')).toBe(failure);
});

test('the server says when the connection is lost', () => {
  expect(losesConnection(answered('40001'))).toBe(false);
  expect(losesConnection(answered('57P01', 'FATAL'))).toBe(true);
  expect(losesConnection(answered('0A000'))).toBe(true);
});
