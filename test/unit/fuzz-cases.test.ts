import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { targets } from '../fuzz/targets.ts';

const cases = join(import.meta.dirname, '../fuzz/cases');

/** What `npm run fuzz` began with, and what it found; see scripts/fuzz.ts. */
describe.each(Object.keys(targets))('cases of the fuzzer: %s', target => {
  it.each(readdirSync(join(cases, target)))('%s', name => {
    expect(() => targets[target]?.(readFileSync(join(cases, target, name)))).not.toThrow();
  });
});
