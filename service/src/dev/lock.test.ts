import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { lockFolder } from './lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'perdure-lock-'));
const file = join(folder, 'holder');
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a folder is given back by its holder', () => {
  const unlock = lockFolder(folder);
  expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`^${process.pid} `));
  unlock();
  expect(existsSync(file)).toBe(false);
});

test('a living holder is named; what a killed one left is taken over', async () => {
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await once(other, 'spawn');
  const stat = existsSync('/proc') ? readFileSync(`/proc/${other.pid}/stat`, 'utf8') : ') ';
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  lockFolder(folder)();
  writeFileSync(file, `${other.pid} ${start}\n`);
  expect(() => lockFolder(folder)).toThrow(`process ${other.pid} uses ${folder}`);
  other.kill('SIGKILL');
  await once(other, 'exit');
  lockFolder(folder)();
});

test.skipIf(process.platform !== 'linux')('another process with the number of a killed one does not count (needs /proc)', () => {
  lockFolder(folder)();
  writeFileSync(file, `${process.ppid} 1\n`);
  lockFolder(folder)();
});
