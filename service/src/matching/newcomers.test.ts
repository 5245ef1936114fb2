/** Who counts as new. */
import { expect, test } from 'vitest';
import { isNewcomer, type Newcomers } from './newcomers.ts';

test('the first poll of a worker counts, and one after long silence', () => {
  const seen: Newcomers = new Map();
  expect([isNewcomer(seen, 'a', 0), isNewcomer(seen, 'a', 1), isNewcomer(seen, 'b', 2)]).toEqual([true, false, true]);
  expect(isNewcomer(seen, 'a', 899_999)).toBe(false);
  expect([isNewcomer(seen, 'b', 900_002), isNewcomer(seen, 'a', 900_003)]).toEqual([false, false]);
  isNewcomer(seen, 'c', 2_000_000);
  expect([...seen.keys()]).toEqual(['c']);
});

test('what is remembered is bounded', () => {
  const seen: Newcomers = new Map();
  for (let index = 0; index < 20_000; index += 1) isNewcomer(seen, `w${index}`, index / 1_000);
  expect(seen.size).toBe(10_000);
  expect(isNewcomer(seen, 'w19999', 20)).toBe(false);
});
