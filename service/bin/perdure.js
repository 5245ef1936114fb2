#!/usr/bin/env node
// Plain JavaScript for any Node >= 18. Committed: npm links a bin only if its file exists at install time.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'main.js');
const [major, minor] = process.versions.node.split('.').map(Number);
const fail = (text) => {
  console.error(text);
  process.exit(1);
};
if (!existsSync(main)) fail('perdure is not built yet: run `npm run build` in the project folder.');
if (major > 22 || (major === 22 && minor >= 18)) await import(main);
else {
  let node;
  try {
    node = join(dirname(createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/package.json`)), 'bin', 'node');
  } catch {
    fail(`perdure needs Node 22.18 or later; this is ${process.version}.`);
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(s, () => child.kill(s));
  child.on('exit', (code, signal) => (signal ? process.exit(128 + 15) : process.exit(code ?? 1)));
}
