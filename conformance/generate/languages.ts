// Clients of other languages: the tools that make them, pinned, and the proof that what they make can be used.
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../harness/features.ts';

const repository = join(root, '..');
const PYTHON = join(repository, '.perdure/python');
const PYTHON_PROGRAM = join(PYTHON, 'venv/bin/python');
const REQUIREMENTS = join(root, 'sdks/python/requirements.txt');
/** What the generated Go code is compiled against. */
const GO_MODULE = `module perdure.example/gen

go 1.25

require (
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)
`;

export interface Language {
  /** Installs the tools that are not there yet. */
  prepare(): void;
  /** Generates into a folder. */
  generate(folder: string): void;
  /** Compiles or imports what was generated; returns what it saw. */
  prove(folder: string): string;
}

/** Runs a program to its end; throws with what it printed. */
function run(program: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: repository, encoding: 'utf8', ...options });
  if (error !== undefined) throw new Error(`${program}: ${error.message}`);
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${status}\n${String(stdout)}${String(stderr)}`);
  return String(stdout);
}

/** Only what clients use: perdure.server is the service's own. */
const buf = (language: string, folder: string): string =>
  run('buf', [
    'generate',
    'proto',
    '--path',
    'proto/perdure/api',
    '--template',
    `conformance/generate/buf.gen.${language}.yaml`,
    '-o',
    folder,
  ]);

const files = (folder: string, ending: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .sort();

const python: Language = {
  prepare() {
    const wanted = readFileSync(REQUIREMENTS, 'utf8');
    const installed = join(PYTHON, 'venv/installed.txt');
    if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return;
    rmSync(PYTHON, { recursive: true, force: true });
    mkdirSync(PYTHON, { recursive: true });
    run('python3', ['-m', 'venv', join(PYTHON, 'venv')]);
    run(PYTHON_PROGRAM, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', REQUIREMENTS]);
    writeFileSync(installed, wanted);
  },
  generate: (folder) => void buf('python', folder),
  prove(folder) {
    const modules = files(folder, '.py').map((name) => name.replace(/\.py$/, '').replaceAll(/[\\/]/g, '.'));
    const program = `import importlib, sys\nsys.path.insert(0, sys.argv[1])\nfor name in sys.argv[2:]: importlib.import_module(name)\nprint(sys.version.split()[0])`;
    const version = run(PYTHON_PROGRAM, ['-B', '-c', program, folder, ...modules]).trim();
    return `${modules.length} modules imported by Python ${version}`;
  },
};

const go: Language = {
  prepare: () => void run('go', ['version']),
  generate: (folder) => void buf('go', folder),
  prove(folder) {
    writeFileSync(join(folder, 'go.mod'), GO_MODULE);
    run('go', ['build', '-mod=mod', './...'], { cwd: folder });
    return `${files(folder, '.go').length} files compiled by ${run('go', ['env', 'GOVERSION']).trim()}`;
  },
};

export const LANGUAGES: Readonly<Record<string, Language>> = { python, go };

/** Everything the Python worker imports, below .perdure/python; made anew when the protocol or the tools have changed. */
export function preparePython(): void {
  python.prepare();
  const hash = createHash('sha256').update(readFileSync(REQUIREMENTS));
  const proto = join(repository, 'proto/perdure');
  for (const name of files(proto, '.proto')) hash.update(name).update(readFileSync(join(proto, name)));
  for (const name of files(join(root, 'generate'), '')) hash.update(readFileSync(join(root, 'generate', name)));
  const wanted = hash.digest('hex');
  const made = join(PYTHON, 'gen/made-of.txt');
  if (existsSync(made) && readFileSync(made, 'utf8') === wanted) return;
  rmSync(join(PYTHON, 'gen'), { recursive: true, force: true });
  python.generate(join(PYTHON, 'gen'));
  writeFileSync(made, wanted);
}
