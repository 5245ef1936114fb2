// Recorded histories: histories/<concept>/<feature>.<run>.binpb as stored, with the same as text beside it for people.
//
// A recorded history is a promise to runs in the field. SHA256SUMS holds the digest of each; changing one needs a reason, which goes
// into the changelog.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { root } from './features.ts';

const FOLDER = join(root, 'histories');
const SUMS = join(FOLDER, 'SHA256SUMS');
const CHANGELOG = join(root, '../CHANGELOG.md');
const EXTENSION = '.binpb';

/** By name of the run. */
export function recordedRuns(feature: string): Map<string, Uint8Array> {
  const folder = join(FOLDER, dirname(feature));
  if (!existsSync(folder)) return new Map();
  const begin = `${basename(feature)}.`;
  const files = readdirSync(folder).filter((file) => file.startsWith(begin) && file.endsWith(EXTENSION));
  return new Map(
    files.sort().map((file) => [file.slice(begin.length, -EXTENSION.length), new Uint8Array(readFileSync(join(folder, file)))]),
  );
}

/** Digests by path below histories/, as SHA256SUMS states them. */
export function statedSums(): Map<string, string> {
  if (!existsSync(SUMS)) return new Map();
  const lines = readFileSync(SUMS, 'utf8').split('\n');
  return new Map(lines.filter((line) => line !== '').map((line) => [line.slice(66), line.slice(0, 64)]));
}

/** Digests of the files as they are. */
export function actualSums(): Map<string, string> {
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith(EXTENSION));
  return new Map(files.sort().map((file) => [file.replaceAll('\\', '/'), sumOf(readFileSync(join(FOLDER, file)))]));
}

/** Says what was written. Throws when it would change a recorded history without a reason. */
export function record(feature: string, run: string, history: Uint8Array, lines: readonly string[], reason = ''): string {
  const name = `${feature}.${run}${EXTENSION}`;
  const stated = statedSums();
  const sum = sumOf(history);
  const before = stated.get(name);
  if (before !== undefined && before !== sum) {
    if (reason === '') throw new Error(`${name} is recorded already: to change it say why (--reason text, for CHANGELOG.md)`);
    tellChange(name, reason);
  }
  const path = join(FOLDER, `${feature}.${run}`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}${EXTENSION}`, history);
  writeFileSync(`${path}.txt`, lines.map((line) => `${line}\n`).join(''));
  stated.set(name, sum);
  writeSums(stated);
  return `recorded ${run}`;
}

function sumOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function writeSums(sums: ReadonlyMap<string, string>): void {
  const lines = [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, sum]) => `${sum}  ${name}\n`);
  writeFileSync(SUMS, lines.join(''));
}

/** One line at the end of the newest version. */
function tellChange(name: string, reason: string): void {
  const text = readFileSync(CHANGELOG, 'utf8');
  const newest = text.indexOf('\n## ');
  const next = text.indexOf('\n## ', newest + 1);
  const end = next === -1 ? text.length : next;
  const entry = `- Conformance: the recorded history ${name} was changed: ${reason}\n`;
  writeFileSync(CHANGELOG, `${text.slice(0, end).trimEnd()}\n${entry}${text.slice(end)}`);
}
