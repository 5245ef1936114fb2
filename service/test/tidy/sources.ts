// Reads the repository's own sources for the tidy tests: the files, their imports, and their text without comments and strings.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root: string = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

export interface Source {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const skippedFolders = new Set(['node_modules', 'dist', 'gen', '.git', '.perdure', 'coverage', 'testdata']);

/** Every file below `folder` whose name ends in one of `endings`. Generated and installed code is left out. */
export function sources(folder: string, endings: readonly string[] = ['.ts', '.mjs', '.js']): Source[] {
  const found: Source[] = [];
  const visit = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) {
        if (!skippedFolders.has(entry.name)) visit(child);
      } else if (endings.some((ending) => entry.name.endsWith(ending))) {
        found.push({ path: relative(root, child).split('\\').join('/'), text: readFileSync(child, 'utf8') });
      }
    }
  };
  if (existsSync(join(root, folder))) visit(join(root, folder));
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Tests and what they share are under fewer rules than the program. */
export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.includes('/test/') || path.includes('/testing/') || path.endsWith('/suite.ts');
}

export function isIn(path: string, ...folders: readonly string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

const importPattern = /(?:^|[\s;])(?:import|export)\s(?:[^'"`;]*?\sfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;

/** What a file imports: packages as written, own files as paths from the root. Types count too; imports of code that is generated (`${…}`) do not. */
export function importsOf({ path, text }: Source): string[] {
  const targets = [...withoutComments(text).matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? '');
  return targets
    .filter((target) => !target.includes('${'))
    .map((target) =>
      target.startsWith('.')
        ? relative(root, resolve(root, dirname(path), target))
            .split('\\')
            .join('/')
        : target,
    );
}

/** A string, a comment, or a regular expression after something that cannot end a value. */
const token =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|(?<=[(,=:[!&|?{};\n]\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;

/** The code with comments blanked; line numbers stay. */
export function withoutComments(text: string): string {
  return text.replace(token, (match) => (match.startsWith('//') || match.startsWith('/*') ? match.replace(/[^\n]/g, ' ') : match));
}

/** The code with comments, strings and regular expressions blanked; templates stay, for code lives in them. Line numbers stay. */
export function codeOnly(text: string): string {
  return text.replace(token, (match) => match.replace(/[^\n]/g, ' '));
}

/** One line per match: `path:line: what`. */
export function findAll({ path }: Source, code: string, pattern: RegExp, what: string): string[] {
  return [...code.matchAll(pattern)].map(
    (match) => `${path}:${code.slice(0, match.index).split('\n').length}: ${what}: ${match[0].trim()}`,
  );
}
