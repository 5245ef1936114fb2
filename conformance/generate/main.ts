// `npm run conformance:generate -- [--language python,go] [--out folder]`: clients of other languages from proto/ alone, in a temporary folder.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LANGUAGES } from './languages.ts';

const { values } = parseArgs({ options: { language: { type: 'string' }, out: { type: 'string' } } });
const folder = values.out === undefined ? mkdtempSync(join(tmpdir(), 'perdure-clients-')) : resolve(values.out);
try {
  for (const name of values.language?.split(',') ?? Object.keys(LANGUAGES)) {
    const language = LANGUAGES[name];
    if (language === undefined) throw new Error(`no language ${name}; there are ${Object.keys(LANGUAGES).join(', ')}`);
    const own = join(folder, name);
    mkdirSync(own, { recursive: true });
    language.prepare();
    language.generate(own);
    process.stdout.write(`${name}: ${language.prove(own)}\n`);
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  if (values.out === undefined) rmSync(folder, { recursive: true, force: true });
}
