// Makes workflow code ready for the sandbox with esbuild: one script that evaluates each workflow file only when it is asked for.

import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import type { WorkflowBundle } from '../worker/engine.ts';
import * as workflowApi from '../workflow/index.ts';

const here = fileURLToPath(import.meta.url);
/** Sources run in tests, built files elsewhere: the library is bundled from whichever this is. */
const fromSources = here.endsWith('.ts');
const extension = fromSources ? '.ts' : '.js';
const libraryEntry = join(dirname(here), `library${extension}`);
const apiFile = join(dirname(dirname(here)), 'workflow', `index${extension}`);
const CODE_FILE = /\.[cm]?[jt]sx?$/;
const TEST_FILE = /\.(test|spec|d)\.[cm]?[jt]sx?$/;
const BUILTINS = new Set(builtinModules);
const API = '@perdure/sdk/workflow';
/** The parameter of the wrapper that holds the shared library. */
const API_PARAMETER = '__perdureApi';
const ENTRY = 'perdure-workflows';

export interface BundleOptions {
  /** A module that exports `payloadConverter`, run inside the sandbox. Default: undefined, bytes, JSON. */
  payloadConverter?: string | URL;
}

/**
 * Bundles workflow files (TypeScript or JavaScript): paths relative to the working directory, URLs, or directories (all code files in them,
 * tests aside). Every exported function is a workflow. Throws BundleError naming file and line.
 */
export async function bundleWorkflows(
  source: string | URL | readonly (string | URL)[],
  options: BundleOptions = {},
): Promise<WorkflowBundle> {
  const sources = Array.isArray(source) ? (source as (string | URL)[]) : [source as string | URL];
  const files = sources.flatMap((one) => filesOf(pathOf(one)));
  if (files.length === 0) throw new BundleError(`no workflow files in ${sources.join(', ')}`);
  const converter = options.payloadConverter === undefined ? undefined : pathOf(options.payloadConverter);
  const built = await buildUserCode([...files, ...(converter === undefined ? [] : [converter])]);
  const hash = createHash('sha256').update(built.code).digest('hex').slice(0, 8);
  return {
    name: `workflows-${hash}.js`,
    code: built.code,
    sourceMap: built.map,
    library: await libraryCode(),
    modules: files.map(moduleName),
    ...(converter === undefined ? {} : { converterModule: moduleName(converter) }),
  };
}

/** Workflow code that cannot be bundled; the message names file and line. */
export class BundleError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BundleError';
  }
}

function pathOf(source: string | URL): string {
  return resolve(source instanceof URL || source.startsWith('file:') ? fileURLToPath(source) : source);
}

function filesOf(path: string): string[] {
  let directory: boolean;
  try {
    directory = statSync(path).isDirectory();
  } catch (error) {
    throw new BundleError(`workflows: ${path} does not exist`, { cause: error });
  }
  if (!directory) return [path];
  const names = readdirSync(path).filter((name) => CODE_FILE.test(name) && !TEST_FILE.test(name));
  return names.sort().map((name) => join(path, name));
}

/** How a file is called in errors and stacks: short where it can be. */
function moduleName(path: string): string {
  const short = relative(process.cwd(), path);
  return (short.startsWith('..') ? path : short).split(sep).join('/');
}

async function buildUserCode(files: readonly string[]): Promise<{ code: string; map: string }> {
  const { build } = await import('esbuild');
  const lines = files.map((file) => `${JSON.stringify(moduleName(file))}: () => require(${JSON.stringify(file)}),`);
  try {
    const result = await build({
      stdin: { contents: `module.exports = {\n${lines.join('\n')}\n};`, resolveDir: process.cwd(), sourcefile: ENTRY, loader: 'js' },
      bundle: true,
      write: false,
      outfile: 'workflows.js',
      format: 'cjs',
      platform: 'browser',
      target: 'es2023',
      // Retry policies and failureTypes know errors by the names of their classes.
      keepNames: true,
      sourcemap: 'external',
      supported: { 'dynamic-import': false },
      conditions: fromSources ? ['perdure-source'] : [],
      logLevel: 'silent',
      plugins: [apiPlugin, refusePlugin],
    });
    const output = (name: string): string => result.outputFiles.find((file) => basename(file.path) === name)?.text ?? '';
    return { code: output('workflows.js'), map: output('workflows.js.map') };
  } catch (error) {
    throw bundleError(error);
  }
}

function bundleError(error: unknown): BundleError {
  const { errors } = error as {
    errors?: { text: string; location: { file: string; line: number; column: number; lineText: string } | null }[];
  };
  if (errors === undefined) return new BundleError(`workflows: ${String(error)}`, { cause: error });
  const lines = errors.map(({ text, location }) =>
    location === null || location.file === ENTRY
      ? text
      : `${location.file}:${location.line}:${location.column + 1}: ${text}\n    ${location.lineText.trim()}`,
  );
  return new BundleError(`workflow code cannot be bundled:\n${lines.join('\n')}`, { cause: error });
}

/** `@perdure/sdk/workflow` is the library shared by all runs, by whatever path it is imported. */
const apiPlugin: Plugin = {
  name: 'perdure-workflow-api',
  setup(build) {
    const contents = Object.keys(workflowApi)
      .map((name) => `export const ${name} = ${API_PARAMETER}.${name};`)
      .join('\n');
    build.onResolve({ filter: /^@perdure\/sdk\/workflow$/ }, () => ({ path: API, namespace: 'perdure' }));
    build.onLoad({ filter: /.*/, namespace: 'perdure' }, () => ({ contents, loader: 'js' }));
    build.onLoad({ filter: /index\.[jt]s$/ }, (args) => (resolve(args.path) === apiFile ? { contents, loader: 'js' } : undefined));
  },
};

/** What workflow code may not import, with what to do instead. */
const refusePlugin: Plugin = {
  name: 'perdure-refuse',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, (args) => ({ errors: [{ text: refusal(args.path) }] }));
    build.onResolve({ filter: /^[a-z][a-z0-9_]*(\/[a-z_]+)?$/ }, (args) =>
      BUILTINS.has(args.path) ? { errors: [{ text: refusal(args.path) }] } : undefined,
    );
    build.onResolve({ filter: /^@perdure\/sdk(\/(client|worker|activity))?$/ }, (args) => ({
      errors: [
        { text: `workflow code cannot import "${args.path}": import what workflows need from "${API}" (for types, use "import type")` },
      ],
    }));
    build.onResolve({ filter: /\.node$/ }, (args) => ({ errors: [{ text: refusal(args.path) }] }));
  },
};

function refusal(path: string): string {
  return `workflow code cannot import "${path}": it must not reach the machine. Do this in an activity (to use only its types, write "import type")`;
}

let library: Promise<string> | undefined;

/** The SDK's own library as one script, made once per process. */
function libraryCode(): Promise<string> {
  library ??= buildLibrary();
  return library;
}

async function buildLibrary(): Promise<string> {
  const { build } = await import('esbuild');
  const result = await build({
    entryPoints: [libraryEntry],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: '__perdureLibrary',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2023',
    conditions: fromSources ? ['perdure-source'] : [],
    logLevel: 'silent',
    footer: { js: '__perdureLibrary;' },
  });
  return result.outputFiles[0]?.text ?? '';
}
