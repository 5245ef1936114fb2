// A copy of the committed sources in which mutants live: a git worktree that shares the installed packages but for the workspace's own.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './targets.ts';

export interface Scratch {
  readonly folder: string;
  remove(): void;
}

const git = (...args: string[]): string => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim();

/** The short name of a commit. */
export function commitOf(name: string): string {
  return git('rev-parse', '--short', name);
}

export function createScratch(commit: string): Scratch {
  const folder = join(mkdtempSync(join(tmpdir(), 'perdure-mutation-')), 'copy');
  git('worktree', 'add', '--detach', folder, commit);
  linkPackages(join(root, 'node_modules'), join(folder, 'node_modules'));
  return {
    folder,
    remove() {
      if (!existsSync(folder)) return;
      git('worktree', 'remove', '--force', folder);
      rmSync(join(folder, '..'), { recursive: true, force: true });
    },
  };
}

/** Packages of others are linked whole; @perdure/* lead to the copy, as here they lead to this checkout. */
function linkPackages(from: string, to: string): void {
  mkdirSync(join(to, '@perdure'), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name !== '@perdure' && !/^\.vite/.test(name)) symlinkSync(join(from, name), join(to, name));
  }
  for (const name of readdirSync(join(from, '@perdure'))) {
    symlinkSync(readlinkSync(join(from, '@perdure', name)), join(to, '@perdure', name));
  }
}
