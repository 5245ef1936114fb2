// Test projects. Groups run one after another: two cores are too few for processes and simulations side by side.
import { defineConfig } from 'vitest/config';

const conditions = ['perdure-source'];

interface Options {
  readonly include: string[];
  readonly exclude?: string[];
  /** Ms per test. */
  readonly timeout: number;
  /** Projects with one number share workers; the next number starts when they are done. */
  readonly order: number;
  /** Test files at once. End-to-end tests mostly wait for processes, so two files share the cores; the faults need both for themselves. */
  readonly workers: number;
  readonly globalSetup?: string[];
}

// Tests run the sources of all packages, not dist; only the processes they start run dist.
const project = (name: string, { include, exclude = [], timeout, order, workers, globalSetup = [] }: Options) => ({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    name,
    include,
    exclude: ['**/node_modules/**', '**/dist/**', ...exclude],
    testTimeout: timeout,
    hookTimeout: Math.max(timeout, 30_000),
    maxWorkers: workers,
    sequence: { groupOrder: order },
    globalSetup,
  },
});

export default defineConfig({
  test: {
    reporters: ['default', './ci-reporter.ts'],
    projects: [
      project('tidy', { include: ['service/test/tidy/**/*.test.ts'], timeout: 30_000, order: 0, workers: 2 }),
      project('unit', {
        include: ['*/src/**/*.test.ts', 'conformance/test/*.test.ts', 'examples/**/*.test.ts'],
        exclude: ['**/*.store.test.ts', '**/*.conformance.test.ts'],
        timeout: 20_000,
        order: 0,
        workers: 2,
      }),
      project('store', {
        include: ['service/src/store/**/*.store.test.ts'],
        timeout: 60_000,
        order: 1,
        workers: 2,
        globalSetup: ['./service/test/support/postgres-setup.ts'],
      }),
      project('sim', { include: ['service/test/sim/**/*.test.ts'], timeout: 600_000, order: 2, workers: 2 }),
      project('faults', { include: ['service/test/faults/**/*.test.ts'], timeout: 300_000, order: 3, workers: 1 }),
      project('e2e', { include: ['service/test/e2e/**/*.test.ts'], timeout: 120_000, order: 4, workers: 2 }),
      project('conformance', { include: ['conformance/test/**/*.conformance.test.ts'], timeout: 300_000, order: 5, workers: 1 }),
    ],
  },
});
