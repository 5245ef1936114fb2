// Adds to package-lock.json the platform packages the registry at hand could not show; `npm ci` (11, 12) refuses a lock without them.
import fs from 'node:fs';

const file = process.argv[2] ?? 'package-lock.json';
const lock = JSON.parse(fs.readFileSync(file, 'utf8'));
const OS = ['android', 'darwin', 'freebsd', 'openharmony', 'win32', 'windows', 'linux', 'aix', 'netbsd', 'openbsd', 'sunos'];
const CPU = {
  arm64: 'arm64',
  aarch64: 'arm64',
  x64: 'x64',
  ia32: 'ia32',
  armv7: 'arm',
  arm: 'arm',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  loong64: 'loong64',
};
let added = 0;
for (const [where, pkg] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(pkg.optionalDependencies ?? {})) {
    if (Object.keys(lock.packages).some((k) => k.endsWith(`node_modules/${name}`))) continue;
    if (!/^\d/.test(version)) throw new Error(`${where}: ${name}@${version} is not an exact version`);
    const parts = name.split(/[-/]/);
    const os = OS.find((o) => parts.includes(o)),
      cpu = Object.keys(CPU).find((c) => parts.includes(c));
    if (!os || !cpu) throw new Error(`cannot tell the platform of ${name}`);
    const libc = parts.includes('musl') ? ['musl'] : parts.includes('gnu') ? ['glibc'] : undefined;
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [CPU[cpu]],
      ...(pkg.dev || where === '' ? { dev: true } : {}),
      ...(libc ? { libc } : {}),
      optional: true,
      os: [os === 'windows' ? 'win32' : os],
    };
    added += 1;
  }
}
const packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
fs.writeFileSync(file, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
console.log(`added ${added}`);
