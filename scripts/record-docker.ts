import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { badInput, startHostileRegistry, wordsFor } from '../test/docker-api/bad-input.ts';
import { play } from '../test/docker-api/replay.ts';
import { scenarios } from '../test/docker-api/scenarios.ts';
import { succeed } from '../test/support/command.ts';
import { busyboxArchive } from '../test/support/images.ts';
import { startPeer } from '../test/support/peer.ts';
import { freePort } from '../test/support/registry.ts';

/** Plays every scenario on a real dockerd and keeps what it answered as what ours must answer. */
const peer = await startPeer();
try {
  const archive = await busyboxArchive();
  const version = await succeed('docker', [
    '-H',
    `unix://${peer.socket}`,
    'version',
    '--format',
    '{{.Server.Version}}',
  ]);
  const recorded: Record<string, unknown> = {};
  for (const scenario of scenarios) {
    process.stdout.write(`${scenario.name}\n`);
    recorded[scenario.name] = await play(scenario, peer.socket, archive);
  }
  const ports = { hostile: await freePort(), closed: await freePort() };
  const hostile = await startHostileRegistry(ports.hostile, peer.enter);
  const words = wordsFor(ports, { host: 'localhost', address: '127.0.0.1' });
  recorded[badInput.name] = await play(badInput, peer.socket, archive, words);
  await hostile.stop();
  const file = join(dirname(import.meta.dirname), 'test/recordings/docker.json');
  await writeFile(file, `${JSON.stringify({ engine: `dockerd ${version.trim()}`, scenarios: recorded }, null, 1)}\n`);
} finally {
  await peer.stop();
}
