import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { badInput, startHostileRegistry, wordsFor } from '../docker-api/bad-input.ts';
import { buildCases } from '../docker-api/builds/cases.ts';
import { buildxConfig, playBuild } from '../docker-api/builds/play-build.ts';
import { recordedBuild } from '../docker-api/builds/recorded-builds.ts';
import { composeTests } from '../docker-api/compose-application.ts';
import { realInput } from '../docker-api/real-input.ts';
import { asRecorded, recordedOutcomes, text } from '../docker-api/recordings.ts';
import { play } from '../docker-api/replay.ts';
import { resourceTests } from '../docker-api/resources.ts';
import { scenarios } from '../docker-api/scenarios.ts';
import { type DriverSubject, networkDriverSuite } from '../suites/network-driver.ts';
import { eventually } from '../support/eventually.ts';
import { busyboxArchive, foreignArchive, otherArchitecture } from '../support/images.ts';
import { startMachine, type TestMachine } from '../support/machine.ts';
import { fetchPeer } from '../support/peer.ts';
import { freePort } from '../support/registry.ts';
import { withDifferences } from './differences.ts';

const long = process.env.BERTH_TEST_LONG === '1';

/** One machine for all of it: a boot is what costs most. */
let machine: TestMachine;
const ports = {
  outside: await freePort(),
  open: await freePort(),
  locked: await freePort(),
  hostile: await freePort(),
  closed: await freePort(),
};
const host = 'host.docker.internal';
const address = '10.0.2.2';

beforeAll(async () => {
  const registries = Object.values(ports).map(port => `${host}:${port}`);
  machine = await startMachine({ ...asRecorded, 'insecure-registries': registries });
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
    onTestFinished(hostile.stop);
    const played = await play(badInput, machine.socket, await busyboxArchive(), wordsFor(ports, { host, address }));
    expect(text(played)).toBe(text(withDifferences(recordedOutcomes(badInput.name))));
  });
});

it('runs programs of another architecture, and says so when nobody asked for it', { timeout: 300_000 }, async () => {
  await machine.docker('load', '-q', '-i', await foreignArchive());
  const uname = ['run', '--rm', '--network', 'none'];
  const foreign = { amd64: 'x86_64\n', arm64: 'aarch64\n' }[otherArchitecture];
  const platform = `linux/${otherArchitecture}`;
  expect(await machine.tryDocker([...uname, '--platform', platform, 'foreign', 'uname', '-m'])).toMatchObject({
    stdout: foreign,
    stderr: '',
  });
  const { stdout, stderr } = await machine.tryDocker([...uname, 'foreign', 'sh', '-c', 'echo "$0"; uname -m']);
  expect(stdout).toBe(`sh\n${foreign}`);
  expect(stderr).toContain(`WARNING: The requested image's platform (${platform}) does not match the detected host`);
  await machine.docker('rmi', 'foreign');
});

describe('the machine builds what BuildKit builds', () => {
  it.each(buildCases.filter(({ name }) => ['every mount', 'stages, and files from them'].includes(name)))(
    '$name',
    { timeout: 300_000 },
    async build => {
      const config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
      await machine.docker('load', '-i', await busyboxArchive());
      const made = await playBuild(build, { socket: machine.socket, config, door: 'buildkit' });
      await rm(config, { recursive: true });
      expect(made).toEqual(recordedBuild(build));
    },
  );
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

describe('networks in the machine', () => {
  const outsider = createServer(socket => socket.end('the host\n')); // what a container finds at the computer that it runs on
  beforeAll(() => new Promise<void>(resolve => outsider.listen(ports.outside, '127.0.0.1', resolve)));
  afterAll(() => void outsider.close());
  const outside = { address, port: ports.outside, says: /^the host$/ };
  const onLink = { subnet: '10.0.2', gateway: address, outside };
  const moreDrivers: [name: string, create: string[], place: Partial<DriverSubject>][] = [
    ['bridge', ['-d', 'bridge'], { outside, succeed: killAgent }],
    ['macvlan', ['-d', 'macvlan', '-o', 'parent=eth0'], { ...onLink, succeed: killAgent }],
    ['macvlan without a parent', ['-d', 'macvlan'], {}],
    ['ipvlan, l3s', ['-d', 'ipvlan', '-o', 'parent=eth0', '-o', 'ipvlan_mode=l3s'], {}],
  ];

  it('names of the computer lead there, from every network', { timeout: 120_000 }, async () => {
    await machine.docker('load', '-q', '-i', await busyboxArchive());
    await machine.docker('network', 'create', 'named');
    const look = (name: string) => `nc -w 5 ${name} ${ports.outside}`;
    const run = (...args: string[]): Promise<string> => machine.docker('run', '--rm', ...args);
    const lookup = 'nslookup -type=a host.docker.internal | grep -A1 Name | tail -1';
    expect(await run('--network', 'named', 'busybox', 'sh', '-c', lookup)).toContain(address);
    expect(await run('--network', 'named', 'busybox', 'sh', '-c', lookup.replace('host.', 'gateway.'))).toContain(
      address,
    );
    const added = ['--add-host', `${host}:host-gateway`];
    expect(await run(...added, 'busybox', 'sh', '-c', look(host))).toBe('the host\n');
    expect(await run('--network', 'named', ...added, 'busybox', 'sh', '-c', look(host))).toBe('the host\n');
    await machine.docker('network', 'rm', 'named');
  });

  /** What hosts of tests may lack; the others, which are tried on such a host anyway, only when there is time. */
  const drivers: [name: string, create: string[], place: Partial<DriverSubject>][] = [
    ['ipvlan, l2', ['-d', 'ipvlan', '-o', 'parent=eth0'], { ...onLink, succeed: killAgent }],
    ['ipvlan, l3', ['-d', 'ipvlan', '-o', 'parent=eth0', '-o', 'ipvlan_mode=l3'], {}],
    ...(long ? moreDrivers : []),
  ];
  for (const [name, create, place] of drivers)
    networkDriverSuite(name, () => ({ engine: machine, create, subnet: '10.230.1', ...place }));
});

/** Half a gigabyte of image and a database, on a processor that may be emulated. */
if (long) {
  composeTests('the machine', () => ({
    engine: machine,
    killEngine: killAgent,
    restartEngine: async () => {
      await machine.berth('down');
      await machine.berth('up', '--detach', '--no-hello');
    },
    farAway: true,
  }));
} else console.log('skipped: docker compose in the machine takes minutes; npm run test:long takes them');

/** The agent dies; the machine's init starts another one. */
async function killAgent(): Promise<void> {
  const pid = async (): Promise<string> => (await machine.berth('shell', 'cat /run/berth/engine.pid')).stdout.trim();
  const dead = await pid();
  await machine.berth('shell', `kill -9 ${dead}`);
  await eventually('another agent', async () => ![dead, ''].includes(await pid()), 60_000);
  await eventually('it answers', () => machine.docker('version'), 60_000);
}
