// `npm run package:proof`: packs the packages as they would be published, installs them into empty projects, and uses them there from plain
// JavaScript and from TypeScript. Prints what the installation takes and how fast a worker and a test environment start.
// Needs a package registry for the dependencies. `--lint` also runs publint and attw, which npx fetches.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGES, pack } from './pack.mjs';

const PUBLINT = 'publint@0.3.25';
const ATTW = '@arethetypeswrong/cli@0.18.5';
const STARTS = 5;
const GOALS = { sdkMB: 15, workerMs: 400, environmentMs: 300 };

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const scratch = mkdtempSync(join(tmpdir(), 'perdure-packages-'));
const lint = process.argv.includes('--lint');
const problems = [];

function npm(folder, ...args) {
  return execFileSync('npm', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** A project with nothing but these packages. */
function project(name, tarballs) {
  const folder = join(scratch, name);
  mkdirSync(folder);
  // Packages of ours that the others depend on come from here too, not from a registry.
  const dependencies = Object.fromEntries(Object.entries(tarballs).map(([key, file]) => [key, `file:${file}`]));
  const manifest = { name, version: '1.0.0', private: true, type: 'module', dependencies, overrides: overridesOf(tarballs) };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, null, 2));
  npm(folder, 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=optional');
  return folder;
}

function overridesOf(tarballs) {
  return Object.fromEntries(Object.keys(tarballs).map((key) => [key, `$${key}`]));
}

/** Bytes of all files below a folder. */
function sizeOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + lstatSync(join(entry.parentPath, entry.name)).size, 0);
}

function run(folder, file) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file}: ${stdout}${stderr}`);
  return stdout.trim();
}

/** Ms from the start of a process to its end, the best of some. */
function bestOf(folder, file) {
  let best = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < STARTS; turn += 1) {
    const begun = performance.now();
    run(folder, file);
    best = Math.min(best, performance.now() - begun);
  }
  return best;
}

function say(what, value, unit, goal) {
  const within = value < goal;
  console.log(
    `${what}: ${value.toFixed(unit === 'MB' ? 1 : 0)} ${unit} (goal: less than ${goal} ${unit})${within ? '' : ' – over the goal'}`,
  );
}

try {
  const tarballs = Object.fromEntries(PACKAGES.map((folder) => pack(folder, scratch)));
  const { '@perdure/proto': proto, '@perdure/sdk': sdk } = tarballs;
  const small = project('sdk-only', { '@perdure/proto': proto, '@perdure/sdk': sdk });
  const modules = join(small, 'node_modules');
  const esbuild = ['esbuild', '@esbuild'].map((name) => join(modules, name)).filter((path) => lstatSync(path, { throwIfNoEntry: false }));
  say(
    '@perdure/sdk with what it needs, without esbuild',
    (sizeOf(modules) - esbuild.reduce((sum, path) => sum + sizeOf(path), 0)) / 1e6,
    'MB',
    GOALS.sdkMB,
  );

  const full = project('all', tarballs);
  // esbuild's program is an optional package of its platform; here it is that of this checkout.
  for (const folder of [small, full]) {
    for (const name of readdirSync(join(root, 'node_modules/@esbuild')))
      cpSync(join(root, 'node_modules/@esbuild', name), join(folder, 'node_modules/@esbuild', name), { recursive: true });
    cpSync(join(root, 'scripts/package-proof'), folder, { recursive: true });
  }
  console.log(`JavaScript: ${run(full, 'use.mjs')}`);
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const types = join(root, 'node_modules/@types');
  for (const resolution of ['nodenext', 'bundler']) {
    const module = resolution === 'bundler' ? 'preserve' : 'nodenext';
    const settings = ['--noEmit', '--strict', '--target', 'es2024', '--module', module, '--moduleResolution', resolution];
    execFileSync(process.execPath, [tsc, ...settings, '--typeRoots', types, '--types', 'node', '--skipLibCheck', 'false', 'use.ts'], {
      cwd: full,
      stdio: 'inherit',
    });
    console.log(`TypeScript: types are right with moduleResolution ${resolution}`);
  }
  console.log(`TypeScript: ${run(full, 'use.ts')}`);

  writeFileSync(join(small, 'nothing.mjs'), '');
  const node = bestOf(small, 'nothing.mjs');
  console.log(`Node alone: ${node.toFixed(0)} ms`);
  say('a worker is ready, over that', bestOf(small, 'start-worker.mjs') - node, 'ms', GOALS.workerMs);
  say('a test environment is ready, over that', bestOf(full, 'start-environment.mjs') - node, 'ms', GOALS.environmentMs);

  if (lint) {
    for (const [name, tarball] of Object.entries(tarballs)) {
      for (const [tool, ...args] of [
        [PUBLINT, '--strict', tarball],
        [ATTW, '--profile', 'esm-only', '--no-emoji', tarball],
      ]) {
        // The service is a program; its one entry is checked, its bin is not a module of anybody's.
        const { status, stdout, stderr } = spawnSync('npx', ['--yes', tool, ...args], { cwd: scratch, encoding: 'utf8' });
        console.log(`${tool} ${name}: ${status === 0 ? 'clean' : `\n${stdout}${stderr}`}`);
        if (status !== 0) problems.push(`${tool} ${name}`);
      }
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (problems.length > 0) {
  console.error(`not clean: ${problems.join(', ')}`);
  process.exit(1);
}
