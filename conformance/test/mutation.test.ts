// Holds the mutation proof to the sources: planted mutants apply, reasons name code that exists, and mechanical mutants are what they say.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readRules } from '../harness/coverage.ts';
import { applied, mutantsOf } from '../mutation/operators.ts';
import { plant, readPlanted } from '../mutation/planted.ts';
import { plantedKey, readReasons } from '../mutation/results.ts';
import { root } from '../mutation/targets.ts';

const planted = readPlanted();
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

test('planted mutants apply to the sources as they are, each once', () => {
  const wrong = planted.flatMap((each) => {
    try {
      return plant(each, read(each.file)) === read(each.file) ? [plantedKey(each)] : [];
    } catch (error) {
      return [`${plantedKey(each)}: ${(error as Error).message}`];
    }
  });
  expect(wrong).toEqual([]);
});

test('planted mutants break rules that exist, are named once, and name a test', () => {
  const rules = new Set(readRules().map(({ id }) => id));
  expect(planted.filter(({ rule }) => !rules.has(rule)).map(plantedKey)).toEqual([]);
  expect(planted.filter(({ by }) => !by.endsWith('.test.ts') || !existsSync(join(root, by))).map(plantedKey)).toEqual([]);
  expect(new Set(planted.map(plantedKey)).size).toBe(planted.length);
});

test('a planted mutant that does not apply is noticed', () => {
  const [first] = planted as [(typeof planted)[0]];
  expect(() => plant({ ...first, find: 'nothing like this' }, read(first.file))).toThrow('found 0 times');
  expect(() => plant({ ...first, find: 'const ' }, read(first.file))).toThrow(/found \d+ times/);
  expect(() => plant({ ...first, replace: first.find }, read(first.file))).toThrow('once is wanted');
});

test('reasons of survivors name code that exists', () => {
  const gone = readReasons().filter(({ file, code }) => !read(file).includes(code));
  expect(gone).toEqual([]);
});

describe('mechanical mutants', () => {
  const made = (source: string): string[] => mutantsOf('x.ts', source).map((mutant) => applied(mutant, source));

  test('comparisons are flipped', () => {
    expect(made('x(a < b)')).toContain('x(a <= b)');
    expect(made('x(a === b)')).toContain('x(a !== b)');
  });

  test('calls that are statements are dropped, others are not', () => {
    expect(made('a();')).toEqual([';']);
    expect(made('await a?.b();')).toEqual([';']);
    expect(made('const b = a();')).toEqual([]);
  });

  test('numbers are one larger; those of types are left alone', () => {
    expect(made('const a: 1 = 1;')).toEqual(['const a: 1 = 2;']);
    expect(made('x[10_000n]')).toEqual(['x[10001n]']);
  });

  test('conditions are negated, but for equality, which is flipped', () => {
    expect(made('if (a) b;')).toEqual(['if (!(a)) b;']);
    expect(made('a === b ? c : d')).toEqual(['a !== b ? c : d']);
  });

  test('&& and || are swapped, as a whole', () => {
    expect(made('x = a && b || c')).toEqual(['x = ((a) || (b)) || c', 'x = ((a && b) && (c))']);
    expect(made('a ?? b')).toEqual([]);
  });

  test('returns are removed, what they return is still done', () => {
    expect(made('function f() { return; }')).toEqual(['function f() { ; }']);
    expect(made('function f() { return g(); }')).toEqual(['function f() { void (g()); }']);
  });

  test('strings are emptied, but for names of modules and properties, types, and internal errors', () => {
    expect(made("y = ['a', `b`]")).toEqual(["y = ['', `b`]", "y = ['a', ``]"]);
    expect(made("import a from 'a'; type B = 'b'; x = { 'c': d }; throw new Error('internal 1');")).toEqual([]);
  });

  test('places are counted as characters, not bytes', () => {
    expect(made("// → ä 😀\ny = 'a'")).toEqual(["// → ä 😀\ny = ''"]);
  });
});
