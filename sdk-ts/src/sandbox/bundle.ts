// Makes workflow code ready for the sandbox with esbuild: one script that evaluates each workflow file only when it is asked for.

import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildOptions, Metafile } from 'esbuild';
import type { WorkflowBundle } from '../worker/engine.ts';
import { apiPlugin, refusePlugin, sharedPlugin, wirePlugin } from './bundle-plugins.ts';

const here = fileURLToPath(import.meta.url);
/** Sources run in tests, built files elsewhere: the library is bundled from whichever this is. */
const fromSources = here.endsWith('.ts');
const extension = fromSources ? '.ts' : '.js';
const libraryEntry = join(dirname(here), `library${extension}`);
const CODE_FILE = /\.[cm]?[jt]sx?$/;
const TEST_FILE = /\.(test|spec|d)\.[cm]?[jt]sx?$/;
const ENTRY = 'perdure-workflows';

export interface BundleOptions {
  /**
   * Packages evaluated once per thread instead of once per run, because evaluating them is expensive. Their state is shared by all runs:
   * only for packages whose state does not reach what workflows do.
   */
  sharedModules?: readonly string[];
  /** A module that exports `payloadConverter`: it runs inside the sandbox too. Default: undefined, bytes, JSON. */
  payloadConverterModule?: string | URL;
  /** Modules that export `interceptors`, a function that makes the WorkflowInterceptors of one run. The first is the outermost. */
  interceptorModules?: readonly (string | URL)[];
}

/** Packages named in the warning about an expensive workflow file. */
const LARGEST = 3;

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
  const { sharedModules = [], payloadConverterModule, interceptorModules = [] } = options;
  const converter = payloadConverterModule === undefined ? [] : [pathOf(payloadConverterModule)];
  const interceptors = interceptorModules.map(pathOf);
  // Both at once: each takes a while, most of it in esbuild's own process.
  const preparing = libraryCode();
  preparing.catch(() => {});
  const built = await build(entryOf([...new Set([...files, ...converter, ...interceptors])]), sharedModules);
  const shared = sharedModules.length === 0 ? undefined : await build(sharedEntryOf(sharedModules), []);
  const hash = createHash('sha256').update(built.code).digest('hex').slice(0, 8);
  return {
    name: `workflows-${hash}.js`,
    code: built.code,
    sourceMap: built.map,
    library: await preparing,
    modules: files.map(moduleName),
    largest: largestPackages(built.inputs),
    ...(shared === undefined ? {} : { shared: shared.code }),
    ...(converter[0] !== undefined && { converterModule: moduleName(converter[0]) }),
    ...(interceptors.length > 0 && { interceptorModules: interceptors.map(moduleName) }),
  };
}

/** Workflow code that cannot be bundled; the message names file and line. */
export class BundleError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BundleError';
  }
}

/** The absolute path of what was given as a path or URL. */
export function pathOf(source: string | URL): string {
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

/** A module with one function per file that evaluates it when it is called: a run pays for its own file only. */
function entryOf(files: readonly string[]): string {
  const lines = files.map((file) => `${JSON.stringify(moduleName(file))}: () => require(${JSON.stringify(file)}),`);
  return `module.exports = {\n${lines.join('\n')}\n};`;
}

function sharedEntryOf(names: readonly string[]): string {
  return `module.exports = {\n${names.map((name) => `${JSON.stringify(name)}: require(${JSON.stringify(name)}),`).join('\n')}\n};`;
}

interface Built {
  code: string;
  map: string;
  /** Bytes in the output per source file. */
  inputs: Metafile['outputs'][string]['inputs'];
}

async function build(contents: string, sharedModules: readonly string[]): Promise<Built> {
  const options: BuildOptions = {
    stdin: { contents, resolveDir: process.cwd(), sourcefile: ENTRY, loader: 'js' },
    bundle: true,
    write: false,
    metafile: true,
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
    plugins: [apiPlugin, sharedPlugin(sharedModules), refusePlugin],
  };
  try {
    const esbuild = await import('esbuild');
    const result = await esbuild.build(options);
    const output = (name: string): string => result.outputFiles?.find((file) => basename(file.path) === name)?.text ?? '';
    return {
      code: lighten(output('workflows.js')),
      map: output('workflows.js.map'),
      inputs: result.metafile?.outputs['workflows.js']?.inputs ?? {},
    };
  } catch (error) {
    throw bundleError(error);
  }
}

/** Helpers of esbuild as they stand in its output, and what has the same effect but costs every run less. */
const HELPERS: readonly (readonly [helper: string, lighter: string])[] = [
  [
    'var __name = (target, value) => __defProp(target, "name", { value, configurable: true });',
    'var __name = (target, value) => target.name === value ? target : __defProp(target, "name", { value, configurable: true });',
  ],
  [
    'var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);',
    'var __toCommonJS = (mod) => __hasOwnProp.call(mod, "__esModule") ? mod : __defProp(mod, "__esModule", { value: true });',
  ],
];

/** Most names are right as they are, and no table of exports must be copied when it is asked for. Lines stay lines: the source map holds. */
function lighten(code: string): string {
  return HELPERS.reduce((text, [helper, lighter]) => text.replace(helper, () => lighter), code);
}

/** "zod (776 KB)", … */
function largestPackages(inputs: Built['inputs']): string[] {
  const sizes = new Map<string, number>();
  for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
    const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path;
    sizes.set(name, (sizes.get(name) ?? 0) + bytesInOutput);
  }
  const largest = [...sizes].sort((left, right) => right[1] - left[1]).slice(0, LARGEST);
  return largest.map(([name, bytes]) => `${name} (${Math.ceil(bytes / 1024)} KB)`);
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

let library: Promise<string> | undefined;

/** The SDK's own library as one script, made once per process. */
function libraryCode(): Promise<string> {
  library ??= buildLibrary();
  return library;
}

async function buildLibrary(): Promise<string> {
  const esbuild = await import('esbuild');
  const result = await esbuild.build({
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
    plugins: [wirePlugin],
    footer: { js: '__perdureLibrary;' },
  });
  return result.outputFiles[0]?.text ?? '';
}
