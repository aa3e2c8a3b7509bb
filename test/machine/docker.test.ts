import { afterAll, beforeAll } from 'vitest';
import { realInput } from '../docker-api/real-input.ts';
import { startMachine, type TestMachine } from '../support/machine.ts';
import { freePort } from '../support/registry.ts';

let machine: TestMachine;
const ports = { open: await freePort(), locked: await freePort(), hostile: await freePort() };
const host = 'host.docker.internal';

beforeAll(async () => {
  machine = await startMachine({ 'insecure-registries': Object.values(ports).map(port => `${host}:${port}`) });
}, 900_000);

afterAll(() => machine?.stop(), 240_000);

realInput('the machine', async () => ({
  ports,
  subject: {
    engine: machine,
    place: 'machine',
    hostForEngine: host,
    hostForContainers: '10.0.2.2',
    listenOn: '127.0.0.1',
  },
}));
