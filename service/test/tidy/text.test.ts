// Holds what every text file of the repository must look like: size, an opening comment, nothing unfinished, no host of a package registry.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findAll, root, type Source, sources, withoutComments } from './sources.ts';

const SOFT_LINES = 300;
const HARD_LINES = 500;
const code = ['service', 'sdk-ts', 'bench', 'examples', 'conformance', 'scripts'].flatMap((folder) => sources(folder));
const texts = sources('.', ['.ts', '.mjs', '.js', '.json', '.yaml', '.yml', '.md', '.proto', '.toml', '.npmrc', 'run']);

// Written in pieces, so that this file does not contain what it looks for.
const unfinished = new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`, 'g');
const registries = new RegExp(
  ['npm' + 'js\\.(?:org|com)', 'yarn' + 'pkg\\.com', 'registry\\.[a-z0-9-]+\\.[a-z]+', '/art' + 'ifactory/'].join('|'),
  'gi',
);
const quietSkip = /\b(?:test|it|describe)\.(?:skip|only|todo|fails)\b|\b[xf](?:it|describe)\(|\b(?:skipIf|runIf)\((?![^\n]*\(needs )/g;

const linesOf = (text: string): number => text.replace(/\n$/, '').split('\n').length;
const all = (files: readonly Source[], pattern: RegExp, what: string): string[] =>
  files.flatMap((file) => findAll(file, file.text, pattern, what));

test(`no file is longer than ${HARD_LINES} lines`, () => {
  const long = code.map(({ path, text }) => ({ path, lines: linesOf(text) })).filter(({ lines }) => lines > SOFT_LINES);
  for (const { path, lines } of long) process.stdout.write(`over ${SOFT_LINES} lines: ${path} (${lines})\n`);
  expect(long.filter(({ lines }) => lines > HARD_LINES)).toEqual([]);
});

test('every source but a test opens with what it is', () => {
  const opens = /^(?:#![^\n]*\n)?\s*(?:\/\/|\/\*)/;
  expect(code.filter(({ path, text }) => !path.endsWith('.test.ts') && !opens.test(text)).map(({ path }) => path)).toEqual([]);
  expect(opens.test('export {}')).toBe(false);
});

test('nothing is left unfinished', () => {
  expect(all(texts, unfinished, 'unfinished')).toEqual([]);
  expect(`// ${'TO' + 'DO'} later`.match(unfinished)).toHaveLength(1);
});

test('no test is skipped in silence', () => {
  const tests = code.filter(({ path }) => path.endsWith('.test.ts')).map(({ path, text }) => ({ path, text: withoutComments(text) }));
  const own = 'service/test/tidy/text.test.ts';
  expect(
    all(
      tests.filter(({ path }) => path !== own),
      quietSkip,
      'say why: context.skip(condition, reason), or "(needs …)" in the name',
    ),
  ).toEqual([]);
  expect('test.skip("later", () => {})'.match(quietSkip)).toHaveLength(1);
});

test('no package registry is named', () => {
  const lock = { path: 'package-lock.json', text: readFileSync(join(root, 'package-lock.json'), 'utf8') };
  expect(all([...texts.filter(({ path }) => path !== lock.path), lock], registries, 'registry')).toEqual([]);
  expect(`https://registry.${'npm' + 'js'}.org/x`.match(registries)?.length).toBeGreaterThan(0);
});
