import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    diff: { expand: false }, // what the docker command says is long; what differs is seldom
    expect: { poll: { timeout: 15_000 } }, // as `eventually`: a busy machine is no failure
  },
});
