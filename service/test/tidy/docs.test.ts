// Holds the docs to the code: tables are current, links lead somewhere, and cited rules exist.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { renderDocuments } from '../../../scripts/render-docs.ts';
import { root, sources } from './sources.ts';

const documents = sources('.', ['.md']);
const rules = [...readFileSync(join(root, 'docs/architecture.md'), 'utf8').matchAll(/^- \*\*(R-[A-Z]+-\d+)\*\*/gm)].map(
  (match) => match[1] ?? '',
);
const citations = (text: string): string[] => [...text.matchAll(/\bR-[A-Z]+-\d+\b/g)].map(([rule]) => rule);

test.each(renderDocuments())('$path says what the code says (npm run docs)', ({ current, wanted }) => {
  expect(current).toBe(wanted);
});

test('rules are numbered once, and from 1', () => {
  expect(rules.length).toBeGreaterThan(50);
  expect(rules.filter((rule, index) => rules.indexOf(rule) !== index)).toEqual([]);
  const areas = Map.groupBy(rules, (rule) => rule.replace(/-\d+$/, ''));
  for (const [area, found] of areas) expect(found).toEqual(found.map((_, index) => `${area}-${index + 1}`));
});

/** Scripts of the core cite rules in their titles. */
const folder = 'service/src/core/testdata';
const scripts = readdirSync(join(root, folder)).map((name) => ({
  path: `${folder}/${name}`,
  text: readFileSync(join(root, folder, name), 'utf8'),
}));

test('every rule is held by a test, and cited rules exist', () => {
  const code = ['service', 'sdk-ts', 'examples', 'bench', 'conformance'].flatMap((each) => sources(each));
  const files = [...code, ...scripts];
  const unknown = files
    .flatMap(({ path, text }) => citations(text).map((rule) => ({ path, rule })))
    .filter(({ rule }) => !rules.includes(rule));
  expect(unknown).toEqual([]);
  const cited = new Set(
    files
      .filter(
        ({ path }) => ((path.endsWith('.test.ts') || path.includes('/test/support/')) && !path.includes('/tidy/')) || path.endsWith('.txt'),
      )
      .flatMap(({ text }) => citations(text)),
  );
  expect(rules.filter((rule) => !cited.has(rule))).toEqual([]);
});

test('links between documents lead to files', () => {
  const broken = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(join(root, dirname(path), target)))
      .map((target) => `${path} -> ${target}`),
  );
  expect(documents.length).toBeGreaterThan(5);
  expect(broken).toEqual([]);
});

/** Lines of code without comments, blank lines and indentation. */
const essence = (code: string): string[] =>
  code
    .split('\n')
    .map((line) => line.replace(/(^|\s)\/\/.*$/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('/*'));

/** The first line of `part` that is not in `whole` after those before it. */
function firstStranger(part: readonly string[], whole: readonly string[]): string | undefined {
  let at = 0;
  for (const line of part) {
    at = whole.indexOf(line, at) + 1;
    if (at === 0) return line;
  }
  return undefined;
}

test('the code of the quick start in README.md is in the files it links, in that order', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const shown = [...readme.matchAll(/\((examples\/quickstart\/\w+\.ts)\)[^\n]*:\n\n```ts\n([\s\S]*?)```/g)].map(
    ([, path = '', code = '']) => ({
      path,
      code,
    }),
  );
  expect(shown.map(({ path }) => path.replace(/.*\//, ''))).toEqual(['workflows.ts', 'activities.ts', 'worker.ts', 'client.ts']);
  for (const { path, code } of shown)
    expect(firstStranger(essence(code), essence(readFileSync(join(root, path), 'utf8'))), path).toBeUndefined();
  expect(firstStranger(['b', 'a'], ['a', 'b'])).toBe('a');
});
