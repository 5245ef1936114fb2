// Runs the scripts of testdata. RECORD=1 writes what they print now; read the difference before you commit it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runScript } from '../../test/support/core/script.ts';

const folder = join(import.meta.dirname, 'testdata');
const recording = process.env.RECORD === '1';

interface Script {
  readonly title: string;
  readonly lines: string[];
}

/** A file is a head of comments and scripts, each under a `== title`. */
function scriptsOf(text: string): { head: string; scripts: Script[] } {
  const [head = '', ...parts] = text.split(/^== /m);
  const scripts = parts.map((part) => {
    const [title = '', ...lines] = part.replace(/\n+$/, '').split('\n');
    return { title, lines };
  });
  return { head, scripts };
}

const isInput = (line: string): boolean => !line.startsWith('  ');
const textOf = ({ title, lines }: Script): string => `== ${title}\n${lines.join('\n')}\n`;

describe.each(readdirSync(folder).filter((name) => name.endsWith('.txt')))('%s', (name) => {
  const path = join(folder, name);
  const { head, scripts } = scriptsOf(readFileSync(path, 'utf8'));
  const printed = new Map<string, Script>();

  test('has scripts, each of its own name', () => {
    expect(scripts.length).toBeGreaterThan(0);
    expect(new Set(scripts.map(({ title }) => title)).size).toBe(scripts.length);
  });

  test.each(scripts)('$title', (script) => {
    const lines = runScript(script.lines.filter(isInput));
    printed.set(script.title, { title: script.title, lines });
    if (!recording) expect(lines.join('\n')).toBe(script.lines.join('\n'));
  });

  test('is recorded as printed', () => {
    const text = head + scripts.map((script) => textOf(printed.get(script.title) ?? script)).join('\n');
    if (recording) writeFileSync(path, text);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
});

test('a script that prints something else is noticed', () => {
  const { scripts } = scriptsOf('# head\n\n== one\nstart\n  event 1 @0s somethingElse\n');
  expect(scripts).toHaveLength(1);
  const [one] = scripts as [Script];
  expect(runScript(one.lines.filter(isInput)).join('\n')).not.toBe(one.lines.join('\n'));
  expect(() => runScript(['stort'])).toThrow('not an input: stort');
});
