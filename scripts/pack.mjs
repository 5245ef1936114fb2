// Packs the packages as they are published: `node scripts/pack.mjs <folder>`. From a copy, whose manifests know nothing of the condition by
// which this checkout reads sources, nor of what only tests need; so the packages hold no file twice.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCE_CONDITION = 'perdure-source';
export const PACKAGES = ['proto', 'sdk-ts', 'service', 'testing'];

function withoutSources(entries) {
  return Object.fromEntries(
    Object.entries(entries).map(([name, targets]) => {
      const { [SOURCE_CONDITION]: _, ...published } = targets;
      return [name, published];
    }),
  );
}

/** Answers the file made, by the package's name. */
export function pack(folder, destination) {
  const stage = mkdtempSync(join(tmpdir(), 'perdure-pack-'));
  try {
    const { devDependencies: _, ...manifest } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    for (const name of manifest.files.filter((each) => !each.startsWith('!'))) {
      if (!existsSync(join(root, folder, name))) throw new Error(`${folder}/${name} does not exist: npm run build`);
      cpSync(join(root, folder, name), join(stage, name), { recursive: true });
    }
    cpSync(join(root, 'LICENSE'), join(stage, 'LICENSE'));
    writeFileSync(join(stage, 'package.json'), `${JSON.stringify({ ...manifest, exports: withoutSources(manifest.exports) }, null, 2)}\n`);
    mkdirSync(destination, { recursive: true });
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', destination];
    const packed = JSON.parse(execFileSync('npm', args, { cwd: stage, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
    const { filename } = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
    return [manifest.name, join(destination, filename)];
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , destination] = process.argv;
  if (destination === undefined) {
    console.error('usage: node scripts/pack.mjs <folder>');
    process.exit(2);
  }
  for (const folder of PACKAGES) console.log(pack(folder, resolve(destination)).join('  '));
}
