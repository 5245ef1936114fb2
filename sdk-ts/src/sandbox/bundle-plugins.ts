// How imports of workflow code are resolved: the SDK's library and shared packages come from outside, the machine is refused.

import { builtinModules } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import * as workflowApi from '../workflow/index.ts';

const here = fileURLToPath(import.meta.url);
const apiFile = join(dirname(dirname(here)), 'workflow', here.endsWith('.ts') ? 'index.ts' : 'index.js');
const BUILTINS = new Set(builtinModules);
const API = '@perdure/sdk/workflow';
/** Parameters of the wrapper around the bundle: the shared library, and the shared packages by name. */
const API_PARAMETER = '__perdureApi';
const SHARED_PARAMETER = '__perdureShared';

/** `@perdure/sdk/workflow` is the library shared by all runs, by whatever path it is imported. */
export const apiPlugin: Plugin = {
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

/** The library writes and reads protobuf by its own codec. */
export const wirePlugin: Plugin = {
  name: 'perdure-wire',
  setup(build) {
    const path = join(dirname(here), 'realm', here.endsWith('.ts') ? 'wire.ts' : 'wire.js');
    build.onResolve({ filter: /^@bufbuild\/protobuf\/wire$/ }, () => ({ path }));
  },
};

/** What workflow code may not import, with what to do instead. */
export const refusePlugin: Plugin = {
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

/** Packages evaluated once per thread: the bundle of a run takes them from a parameter. */
export function sharedPlugin(names: readonly string[]): Plugin {
  return {
    name: 'perdure-shared',
    setup(build) {
      build.onResolve({ filter: /.*/ }, (args) =>
        names.includes(args.path) ? { path: args.path, namespace: 'perdure-shared' } : undefined,
      );
      build.onLoad({ filter: /.*/, namespace: 'perdure-shared' }, (args) => ({
        contents: `module.exports = ${SHARED_PARAMETER}[${JSON.stringify(args.path)}];`,
        loader: 'js',
      }));
    },
  };
}
