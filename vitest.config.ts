import { defineConfig } from 'vitest/config';
const conditions = ['perdure-source'];
const project = (name: string, include: string[], testTimeout: number) => ({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: { name, include, testTimeout },
});
export default defineConfig({
  test: {
    reporters: ['default', './ci-reporter.ts'],
    projects: [
      project('unit', ['*/src/**/*.test.ts'], 5_000),
      project('sim', ['service/test/sim/**/*.test.ts'], 120_000),
    ],
  },
});

