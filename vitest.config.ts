import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/large/**', 'node_modules/**'],
    globalSetup: ['test/support/build-assembly.ts'],
    // A stuck state machine must end as a named failure, not hang the run.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Most tests wait for state machines: on two cores, two files at a time take half the time of one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
