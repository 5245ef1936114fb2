// Planted mutants: for each rule, changes that break it on purpose, and the test that must notice each.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export interface Planted {
  readonly rule: string;
  /** What the change makes the program do. */
  readonly does: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The test file that must notice it. */
  readonly by: string;
}

const FOLDER: string = join(import.meta.dirname, 'planted');

/** All of planted/*.yaml. */
export function readPlanted(): Planted[] {
  return readdirSync(FOLDER).flatMap((name) => parse(readFileSync(join(FOLDER, name), 'utf8')) as Planted[]);
}

/** The changed text. Throws when `find` does not stand in it exactly once. */
export function plant({ file, find, replace }: Planted, source: string): string {
  const times = source.split(find).length - 1;
  if (times !== 1 || find === replace) throw new Error(`${file}: found ${times} times, and once is wanted: ${find}`);
  // A function: `$&` in a replacement is text.
  return source.replace(find, () => replace);
}
