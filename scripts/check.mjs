// Everything that must hold before a commit but the tests: `npm run check`, or some steps by name: `npm run check -- types lint`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const run = (...command) => spawnSync(command[0], command.slice(1), { stdio: 'inherit', shell: process.platform === 'win32' }).status === 0;

/** The committed code must be what the generator makes of the committed definitions. */
function generatedIsCurrent() {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-generate-'));
  try {
    return (
      run('buf', 'generate', '-o', folder) &&
      run('git', '--no-pager', 'diff', '--no-index', '--stat', 'proto/gen', join(folder, 'proto/gen'))
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Images of all modules are compared: run on the modules themselves, buf reports the imported files as deleted. */
function noBreakingChange() {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-image-'));
  const image = join(folder, 'image.binpb');
  try {
    return run('buf', 'build', '-o', image) && run('buf', 'breaking', image, '--against', 'proto/image.binpb');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const steps = {
  'buf-lint': () => run('buf', 'lint'),
  'buf-format': () => run('buf', 'format', '-d', '--exit-code'),
  'buf-breaking': noBreakingChange,
  generated: generatedIsCurrent,
  types: () => run('tsc', '-b') && run('tsc', '-p', 'tsconfig.test.json'),
  biome: () => run('biome', 'check', '.', '--error-on-warnings'),
  lint: () => run('oxlint', '--type-aware', 'service', 'sdk-ts', 'bench', 'examples', 'conformance'),
  knip: () => run('knip'),
  tidy: () => run('vitest', 'run', '--project', 'tidy'),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in steps));
if (unknown.length > 0) {
  console.error(`no such step: ${unknown.join(', ')}; there are ${Object.keys(steps).join(', ')}`);
  process.exit(2);
}
const failed = [];
for (const [name, step] of Object.entries(steps)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n── ${name}`);
  if (!step()) failed.push(name);
}
console.log(failed.length === 0 ? '\ncheck passed' : `\ncheck failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
