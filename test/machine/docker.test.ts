import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { badInput, startHostileRegistry, wordsFor } from '../docker-api/bad-input.ts';
import { realInput } from '../docker-api/real-input.ts';
import { recordedOutcomes, text } from '../docker-api/recordings.ts';
import { play } from '../docker-api/replay.ts';
import { resourceTests } from '../docker-api/resources.ts';
import { scenarios } from '../docker-api/scenarios.ts';
import { busyboxArchive } from '../support/images.ts';
import { startMachine, type TestMachine } from '../support/machine.ts';
import { freePort } from '../support/registry.ts';
import { withDifferences } from './differences.ts';

/** One machine for all of it: a boot is what costs most. */
let machine: TestMachine;
const ports = { open: await freePort(), locked: await freePort(), hostile: await freePort(), closed: await freePort() };
const host = 'host.docker.internal';
const address = '10.0.2.2';

beforeAll(async () => {
  machine = await startMachine({ 'insecure-registries': Object.values(ports).map(port => `${host}:${port}`) });
}, 900_000);

afterAll(() => machine?.stop(), 240_000);

describe('the machine answers as dockerd did', () => {
  for (const scenario of scenarios) {
    it(scenario.name, { timeout: 300_000 }, async () => {
      const played = await play(scenario, machine.socket, await busyboxArchive());
      expect(text(played)).toBe(text(withDifferences(recordedOutcomes(scenario.name))));
    });
  }

  it(badInput.name, { timeout: 300_000 }, async () => {
    const hostile = await startHostileRegistry(ports.hostile);
    const played = await play(badInput, machine.socket, await busyboxArchive(), wordsFor(ports, { host, address }));
    await hostile.stop();
    expect(text(played)).toBe(text(withDifferences(recordedOutcomes(badInput.name))));
  });
});

realInput('the machine', async () => ({
  ports,
  subject: {
    engine: machine,
    place: 'machine',
    hostForEngine: host,
    hostForContainers: address,
    listenOn: '127.0.0.1',
  },
}));

resourceTests('the machine', () => machine);
