import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inSlabs } from '../../../../guest-agent/archive/pack-path.ts';
import { contentsOf } from '../../../../guest-agent/archive/walk.ts';

const sizes = [60_000, 60_000, 60_000, 60_000, 60_000, 300_000, 200, 60_000, 250_000, 100_000];

/** The contents of files that hold nothing but `letter`. */
function* filesOf(folder: string, letter: string): Generator<Buffer> {
  for (const size of sizes) {
    const path = join(folder, letter);
    writeFileSync(path, letter.repeat(size));
    const fd = openSync(path, 'r');
    yield* contentsOf(fd, size);
    closeSync(fd);
  }
}

it('gathers for several jobs of one thread by turns, each its own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'in-slabs-'));
  const jobs = ['a', 'b', 'c'].map(letter => ({ letter, slabs: inSlabs(filesOf(folder, letter)), text: '' }));
  for (let open = jobs.length; open > 0; ) {
    open = 0;
    for (const job of jobs) {
      const { value, done } = job.slabs.next();
      if (done) continue;
      job.text += value.toString();
      open++;
    }
  }
  rmSync(folder, { recursive: true });
  const total = sizes.reduce((sum, size) => sum + size, 0);
  for (const { letter, text } of jobs) expect(text === letter.repeat(total)).toBe(true);
});
