// Who may import whom. Data flows rpc -> frontend -> history -> core -> store; roles know each other only through roles.ts.
import { importsOf, isIn, type Source } from './sources.ts';

const service = 'service/src';
const at = (...names: readonly string[]): string[] => names.map((name) => `${service}/${name}`);

/** Small leaves that every role may use: contracts, errors, limits, counters. */
const contracts = at('roles.ts', 'env.ts', 'errors.ts', 'tokens.ts', 'core', 'store/store.ts', 'telemetry');

/** Own code that the code of a folder (or one file) may import, itself aside. The longest match counts; a file named by none is refused. */
const mayImport: Record<string, readonly string[]> = {
  // The shapes of inputs and the catalogue of refusals are plain data; nothing else reaches the core.
  [`${service}/core`]: at('errors.ts', 'roles.ts'),
  [`${service}/env.ts`]: [],
  [`${service}/errors.ts`]: [],
  [`${service}/roles.ts`]: at('env.ts', 'errors.ts', 'store/store.ts', 'core'),
  [`${service}/mac.ts`]: [],
  [`${service}/tokens.ts`]: at('errors.ts', 'mac.ts', 'core/encode.ts'),
  [`${service}/env-real.ts`]: at('env.ts'),
  [`${service}/telemetry`]: at('env.ts'),
  [`${service}/history`]: contracts,
  [`${service}/matching`]: contracts,
  [`${service}/frontend`]: contracts,
  [`${service}/rpc`]: [...contracts, ...at('frontend')],
  [`${service}/store/store.ts`]: at('errors.ts', 'core/visibility-fields.ts'),
  [`${service}/store`]: at('core', 'env.ts', 'errors.ts', 'telemetry'),
  [`${service}/config.ts`]: at('errors.ts', 'core', 'telemetry'),
  [`${service}/cli`]: at(
    'config.ts',
    'rpc',
    'errors.ts',
    'env.ts',
    'env-real.ts',
    'telemetry',
    'core',
    'dev',
    'server.ts',
    'store',
    'version.ts',
  ),
  [`${service}/dev`]: at(
    'config.ts',
    'server.ts',
    'store',
    'env.ts',
    'env-real.ts',
    'errors.ts',
    'telemetry',
    'version.ts',
    'core',
    'cli/outcome.ts',
    'cli/server-command.ts',
    'cli/input.ts',
    'cli/signals.ts',
  ),
  [`${service}/version.ts`]: [],
  [`${service}/server.ts`]: [service],
  [`${service}/main.ts`]: [service],
  [`${service}/engine.ts`]: at('core', 'env.ts', 'env-real.ts', 'frontend', 'history', 'matching', 'rpc', 'store', 'telemetry'),
  'sdk-ts/src/common': [],
  'sdk-ts/src/workflow': ['sdk-ts/src/common'],
  'sdk-ts/src/activity': ['sdk-ts/src/common'],
  'sdk-ts/src/client': ['sdk-ts/src/common', 'sdk-ts/src/workflow'],
  'sdk-ts/src/sandbox': ['sdk-ts/src/common', 'sdk-ts/src/workflow', 'sdk-ts/src/worker/engine.ts'],
  'sdk-ts/src/worker': ['sdk-ts/src/common', 'sdk-ts/src/activity', 'sdk-ts/src/sandbox', 'sdk-ts/src/client', 'sdk-ts/src/workflow'],
  'sdk-ts/src': ['sdk-ts/src'],
  'testing/src': [],
};

/** Packages and where alone they may be used. Node's own modules are free outside `withoutNode`. */
const packages: Record<string, readonly string[]> = {
  pg: at('store/postgres', 'store/migrations', 'dev'),
  '@grpc/grpc-js': [...at('rpc'), 'sdk-ts/src/common'],
  '@grpc/reflection': at('rpc'),
  'grpc-health-check': at('rpc'),
  pino: at('telemetry'),
  commander: at('cli', 'main.ts'),
  zod: at('config.ts'),
  yaml: at('config.ts'),
  esbuild: ['sdk-ts/src/sandbox'],
  '@bufbuild/protobuf': [service, 'sdk-ts/src'],
  '@perdure/proto': [service, 'sdk-ts/src', 'testing/src'],
  '@perdure/sdk': ['testing/src'],
  '@perdure/service': ['testing/src'],
};

/** Synchronous and pure: one file of the core may hash, one may serialize. */
const pureNode: Record<string, readonly string[]> = { 'node:crypto': at('core/run-id.ts'), 'node:v8': at('core/checkpoint.ts') };

/** The pure core, and code that also runs inside the workflow sandbox. */
const withoutNode = [...at('core', 'env.ts', 'errors.ts', 'roles.ts'), 'sdk-ts/src/workflow'];
const portableCommon = ['payload-converter.ts', 'failure.ts', 'duration.ts'].map((name) => `sdk-ts/src/common/${name}`);

const longestMatch = (path: string): string | undefined =>
  Object.keys(mayImport)
    .filter((folder) => isIn(path, folder))
    .sort((a, b) => b.length - a.length)[0];

const packageOf = (target: string): string =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');

/** Every import that breaks a rule, as `path: sentence`. */
export function importViolations(files: readonly Source[]): string[] {
  const wrong: string[] = [];
  for (const file of files) {
    const owner = longestMatch(file.path);
    if (owner === undefined) {
      wrong.push(`${file.path}: no import rule covers this file`);
      continue;
    }
    for (const target of importsOf(file)) {
      if (target.startsWith('node:')) {
        const pure = pureNode[target]?.includes(file.path) ?? false;
        if (!pure && isIn(file.path, ...withoutNode, ...portableCommon))
          wrong.push(`${file.path}: imports ${target}, but must run without Node`);
      } else if (isIn(target, 'service', 'sdk-ts', 'proto', 'testing', 'bench', 'examples')) {
        if (!isIn(target, owner, ...(mayImport[owner] ?? []))) wrong.push(`${file.path}: must not import ${target}`);
      } else {
        const allowed = packages[packageOf(target)];
        if (allowed === undefined) wrong.push(`${file.path}: package ${target} has no rule`);
        else if (!isIn(file.path, ...allowed)) wrong.push(`${file.path}: must not import package ${target}`);
      }
    }
  }
  return wrong;
}
