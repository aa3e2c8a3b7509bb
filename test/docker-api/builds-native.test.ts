import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineForTests } from '../support/engine-for-tests.ts';
import { busyboxArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';
import { calls, playCall } from './builds/calls.ts';
import { buildCases } from './builds/cases.ts';
import { buildxConfig, playBuild } from './builds/play-build.ts';
import { recordedBuild, recordedCall, recordedImage } from './builds/recorded-builds.ts';

const timeout = 120_000;
let config: string;

beforeAll(async () => {
  config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
}, timeout);

afterAll(() => rm(config, { recursive: true, force: true }));

describe('builds make what BuildKit makes, entry by entry', { timeout }, () => {
  const engine = engineForTests();
  beforeAll(async () => {
    await engine().docker('load', '-i', await busyboxArchive());
  }, timeout);

  it.concurrent.each(buildCases)('by BuildKit: $name', async build => {
    const made = await playBuild(build, { socket: engine().socket, config, door: 'buildkit' });
    expect(made).toEqual(recordedBuild(build));
  });

  it.concurrent.each(calls)('asked by --call=%s', async call => {
    expect(await playCall(call, { socket: engine().socket, config })).toEqual(recordedCall(call));
  });

  it.concurrent.each(buildCases.filter(({ buildKitOnly }) => !buildKitOnly))('by the old door: $name', async build => {
    const made = await playBuild(build, { socket: engine().socket, config, door: 'classic' });
    const { error, steps: _, warnings: __, ...image } = made;
    expect(error === undefined).toBe(recordedBuild(build).error === undefined);
    expect(image).toEqual(recordedImage(build));
  });
});

/** Those in which it matters whose files are whose. */
const aboutOwners = ['owners and modes', 'users and directories of work', 'every mount', 'whiteouts'];

describe('builds with remapped users', { timeout }, () => {
  const engine = engineForTests({ 'userns-remap': 'default' });
  beforeAll(async () => {
    await engine().docker('load', '-i', await busyboxArchive());
  }, timeout);

  it.concurrent.each(buildCases.filter(({ name }) => aboutOwners.includes(name)))('$name', async build => {
    const made = await playBuild(build, { socket: engine().socket, config, door: 'buildkit' });
    expect(made).toEqual(recordedBuild(build));
  });
});
