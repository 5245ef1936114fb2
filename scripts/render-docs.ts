// Writes the tables of docs that have their truth in code, between `<!-- table:name -->` and `<!-- end -->`: `npm run docs`.
// A tidy test compares them, so that docs say what is.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SETTINGS } from '../service/src/config.ts';
import * as limits from '../service/src/core/limits.ts';
import { REASONS } from '../service/src/errors.ts';
import { walkThrough } from './walk-through.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const codes: Record<number, string> = {
  3: 'INVALID_ARGUMENT',
  4: 'DEADLINE_EXCEEDED',
  5: 'NOT_FOUND',
  6: 'ALREADY_EXISTS',
  7: 'PERMISSION_DENIED',
  8: 'RESOURCE_EXHAUSTED',
  9: 'FAILED_PRECONDITION',
  10: 'ABORTED',
  12: 'UNIMPLEMENTED',
  13: 'INTERNAL',
  14: 'UNAVAILABLE',
  16: 'UNAUTHENTICATED',
};

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), `|${'---|'.repeat(header.length)}`, ...rows.map(line)].join('\n');
}

function errorTable(): string {
  const rows = Object.entries(REASONS).map(([reason, { code, advice }]) => [`\`${reason}\``, `${codes[code] ?? '?'} (${code})`, advice]);
  return table(['reason', 'gRPC code', 'what to do'], rows);
}

/** A number with its unit, as the constant's name says it. */
function withUnit(name: string, value: number): string {
  if (/BYTES|_SIZE/.test(name))
    return value >= 1_048_576
      ? `${value / 1_048_576} MiB`
      : value >= 1_024 && value % 1_024 === 0
        ? `${value / 1_024} KiB`
        : `${value} bytes`;
  if (/_MS\b|_MS$/.test(name))
    return value >= 86_400_000 ? `${value / 86_400_000} d` : value >= 1_000 ? `${value / 1_000} s` : `${value} ms`;
  return String(value);
}

function limitTable(): string {
  const source = readFileSync(join(root, 'service/src/core/limits.ts'), 'utf8');
  const reasons = new Map(
    [...source.matchAll(/\/\*\*\s*((?:(?!\*\/)[\s\S])*?)\s*\*\/\s*export const (\w+)/g)].map(([, text = '', name = '']) => [
      name,
      text.replace(/\s*\n\s*\*\s*/g, ' '),
    ]),
  );
  const told = readFileSync(join(root, 'service/src/frontend/system-info.ts'), 'utf8');
  const keys = new Map([...told.matchAll(/^ {2}(\w+): (MAX_\w+),$/gm)].map(([, key = '', name = '']) => [name, key]));
  const rows = Object.entries(limits)
    .filter(([, value]) => typeof value === 'number')
    .sort(([a], [b]) => source.indexOf(`const ${a}`) - source.indexOf(`const ${b}`))
    .map(([name, value]) => {
      const key = keys.get(name);
      return [`\`${name}\``, key === undefined ? '' : `\`${key}\``, withUnit(name, value as number), reasons.get(name) ?? ''];
    });
  return table(['constant', 'key', 'limit', 'of what, and why'], rows);
}

function settingTable(): string {
  const rows = Object.entries(SETTINGS).map(([name, setting]) => [
    `\`${name}\``,
    `\`${setting.flag}\``,
    `\`${setting.env}\``,
    setting.default === '' ? 'none' : `\`${setting.default}\``,
    setting.allowed,
    setting.about,
  ]);
  return table(['in the file', 'flag', 'environment', 'default', 'allowed', 'what it does'], rows);
}

/** The bytes of a message of the walk-through. */
const bytesOf = (name: string): (() => string) => {
  const text = walkThrough[name];
  if (text === undefined) throw new Error(`the walk-through has no message ${name}`);
  return () => `\`\`\`text\n${text}\n\`\`\``;
};

/** Path from the root, and the tables it holds by name. */
const documents: Record<string, Record<string, () => string>> = {
  'docs/errors.md': { reasons: errorTable },
  'docs/limits.md': { limits: limitTable },
  'docs/configuration.md': { settings: settingTable },
  'docs/writing-an-sdk.md': Object.fromEntries(
    ['start', 'poll', 'task', 'schedule', 'accepted', 'attempt', 'composed', 'second', 'close', 'result'].map((name) => [
      name,
      bytesOf(name),
    ]),
  ),
};

/** Each document as it is and as it should be. */
export function renderDocuments(): { path: string; current: string; wanted: string }[] {
  return Object.entries(documents).map(([path, tables]) => {
    const current = readFileSync(join(root, path), 'utf8');
    let wanted = current;
    for (const [name, render] of Object.entries(tables)) {
      const place = new RegExp(`<!-- table:${name} -->[\\s\\S]*?<!-- end -->`);
      if (!place.test(wanted)) throw new Error(`${path} has no place for the table ${name}`);
      wanted = wanted.replace(place, () => `<!-- table:${name} -->\n\n${render()}\n\n<!-- end -->`);
    }
    return { path, current, wanted };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, current, wanted } of renderDocuments()) {
    if (wanted !== current) writeFileSync(join(root, path), wanted);
    console.log(`${path}: ${wanted === current ? 'unchanged' : 'written'}`);
  }
}
