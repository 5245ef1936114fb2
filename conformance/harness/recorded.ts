// Recorded histories: histories/<concept>/<feature>.<run>.binpb as stored, with the same as text beside it for people.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { root } from './features.ts';

const FOLDER = join(root, 'histories');

/** By name of the run. */
export function recordedRuns(feature: string): Map<string, Uint8Array> {
  const folder = join(FOLDER, dirname(feature));
  if (!existsSync(folder)) return new Map();
  const begin = `${basename(feature)}.`;
  const files = readdirSync(folder).filter((file) => file.startsWith(begin) && file.endsWith('.binpb'));
  return new Map(
    files.sort().map((file) => [file.slice(begin.length, -'.binpb'.length), new Uint8Array(readFileSync(join(folder, file)))]),
  );
}

/** Says what was written. */
export function record(feature: string, run: string, history: Uint8Array, lines: readonly string[]): string {
  const path = join(FOLDER, `${feature}.${run}`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.binpb`, history);
  writeFileSync(`${path}.txt`, lines.map((line) => `${line}\n`).join(''));
  return `recorded ${run}`;
}
