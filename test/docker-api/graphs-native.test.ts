import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { engineForTests } from '../support/engine-for-tests.ts';
import { busyboxArchive } from '../support/images.ts';
import type { BuildOutcome } from './builds/play-build.ts';
import { graphCases } from './graphs/cases.ts';
import { playGraph } from './graphs/play-graph.ts';

const timeout = 120_000;
const recordings = JSON.parse(readFileSync(join(import.meta.dirname, '../recordings/graphs.json'), 'utf8')) as {
  graphs: Record<string, BuildOutcome>;
};

describe('graphs of other frontends give what they give with BuildKit, entry by entry', { timeout }, () => {
  const engine = engineForTests();
  beforeAll(async () => {
    await engine().docker('load', '-i', await busyboxArchive());
  }, timeout);

  it.concurrent.each(graphCases)('$name', async each => {
    expect(await playGraph(each, engine().socket)).toEqual(recordings.graphs[each.name]);
  });

  it('takes what has not changed from the cache', async () => {
    const [each] = graphCases.filter(({ name }) => name === 'a difference on the same base');
    if (!each) throw new Error('the case is gone');
    const again = await playGraph(each, engine().socket, { cached: true });
    const commands = again.steps?.filter(step => !step.includes('docker-image://') || step.includes('diff'));
    expect(commands?.every(step => step.startsWith('CACHED '))).toBe(true);
  });
});
