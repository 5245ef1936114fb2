// A process that keeps vitest warm: it is sent a changed file and the tests to run, and says whether one of them failed.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVitest, type TestSpecification } from 'vitest/node';

/** What it is sent. */
export interface Order {
  readonly file: string;
  readonly changed: string;
  readonly original: string;
  readonly tests: readonly string[];
}

/** What it answers. `by`: the first tests that failed; none, and the change was not noticed. */
export type Answer = { readonly kind: 'ready' } | { readonly kind: 'done'; readonly by: readonly string[] };

const [, , folder = '', processes] = process.argv;
const vitest = await createVitest('test', {
  root: folder,
  watch: false,
  // One process that stays is faster: started anew for each file it would cost more than most tests.
  isolate: processes === 'new',
  maxWorkers: 1,
  fileParallelism: false,
  bail: 1,
  reporters: [{}],
});

async function specificationsOf(tests: readonly string[]): Promise<TestSpecification[]> {
  const wanted = new Set(tests.map((test) => join(folder, test)));
  const found = (await vitest.globTestSpecifications([...wanted])).filter(({ moduleId }) => wanted.has(moduleId));
  const missing = [...wanted].filter((test) => !found.some(({ moduleId }) => moduleId === test));
  if (missing.length > 0) throw new Error(`no such tests: ${missing.join(', ')}`);
  return found;
}

/** Names of what failed; the file itself when it could not be run. */
async function failures(tests: readonly string[]): Promise<string[]> {
  const specifications = await specificationsOf(tests);
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications, true);
  // Its answer holds the modules of earlier runs too.
  const ran = new Set(specifications.map(({ moduleId }) => moduleId));
  const failed = testModules
    .filter(({ moduleId }) => ran.has(moduleId))
    .flatMap((module) => {
      const names = [...module.children.allTests('failed')].map((test) => test.fullName);
      return names.length > 0 || module.state() !== 'failed' ? names : [module.relativeModuleId];
    });
  return failed.length > 0 ? failed : unhandledErrors.map((error) => `unhandled: ${String((error as Error).message ?? error)}`);
}

function put(file: string, text: string): void {
  const path = join(folder, file);
  writeFileSync(path, text);
  vitest.invalidateFile(path);
}

async function work({ file, changed, original, tests }: Order): Promise<Answer> {
  put(file, changed);
  try {
    return { kind: 'done', by: await failures(tests) };
  } finally {
    put(file, original);
  }
}

process.on('message', (order: Order) => {
  work(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      process.stderr.write(`${String((error as Error).stack)}\n`);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ kind: 'ready' } satisfies Answer);
