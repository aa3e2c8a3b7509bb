import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inquire } from '../test/docker-api/ask.ts';
import { badInput, startHostileRegistry, wordsFor } from '../test/docker-api/bad-input.ts';
import { calls, nameOfCall, playCall } from '../test/docker-api/builds/calls.ts';
import { buildCases } from '../test/docker-api/builds/cases.ts';
import { buildxConfig, playBuild } from '../test/docker-api/builds/play-build.ts';
import { graphCases } from '../test/docker-api/graphs/cases.ts';
import { playGraph } from '../test/docker-api/graphs/play-graph.ts';
import { inquiries } from '../test/docker-api/inquiries/index.ts';
import { registryScenario, setUpRegistries } from '../test/docker-api/registry-scenario.ts';
import { play } from '../test/docker-api/replay.ts';
import { nativeScenarios } from '../test/docker-api/scenarios.ts';
import { succeed } from '../test/support/command.ts';
import { busyboxArchive } from '../test/support/images.ts';
import { fetchPeer, type Peer, startPeer } from '../test/support/peer.ts';
import { freePort } from '../test/support/registry.ts';

/*
 * Plays scenarios and inquiries on a real dockerd and keeps what it answered as what ours must answer: all of them, or
 * those whose names are given.
 */

const folder = join(dirname(import.meta.dirname), 'test/recordings');
const names = process.argv.slice(2);
const isWanted = ({ name }: { name: string }): boolean => names.length === 0 || names.includes(name);

type Recording = Record<string, unknown>;

/** What was recorded before, where only some are recorded anew. */
function earlier(file: string, key: string): Recording {
  const path = join(folder, file);
  if (names.length === 0 || !existsSync(path)) return {};
  return (JSON.parse(readFileSync(path, 'utf8')) as Record<string, Recording>)[key] ?? {};
}

async function keep(file: string, engine: string, key: string, recorded: Recording): Promise<void> {
  await writeFile(join(folder, file), `${JSON.stringify({ engine, [key]: recorded }, null, 1)}\n`);
}

async function playBadInput(peer: Peer, archive: string): Promise<unknown> {
  const ports = { hostile: await freePort(), closed: await freePort() };
  const hostile = await startHostileRegistry(ports.hostile, peer.enter);
  const words = wordsFor(ports, { host: 'localhost', address: '127.0.0.1' });
  const played = await play(badInput, peer.socket, archive, words);
  await hostile.stop();
  return played;
}

async function playRegistries(peer: Peer, archive: string): Promise<unknown> {
  const ports = { open: await freePort(), locked: await freePort(), closed: await freePort() };
  const { words, tearDown } = await setUpRegistries(ports, peer.enter);
  const played = await play(registryScenario, peer.socket, archive, words);
  await tearDown();
  return played;
}

async function record(peer: Peer): Promise<void> {
  const archive = await busyboxArchive();
  const format = ['version', '--format', '{{.Server.Version}}'];
  const engine = `dockerd ${(await succeed('docker', ['-H', `unix://${peer.socket}`, ...format])).trim()}`;
  const played = earlier('docker.json', 'scenarios');
  for (const scenario of nativeScenarios.filter(isWanted)) {
    process.stdout.write(`${scenario.name}\n`);
    played[scenario.name] = await play(scenario, peer.socket, archive);
  }
  if (isWanted(badInput)) played[badInput.name] = await playBadInput(peer, archive);
  if (isWanted(registryScenario)) played[registryScenario.name] = await playRegistries(peer, archive);
  await keep('docker.json', engine, 'scenarios', played);
  const built = earlier('builds.json', 'builds');
  await succeed('docker', ['-H', `unix://${peer.socket}`, 'load', '-q', '-i', archive]);
  const config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
  for (const build of buildCases.filter(isWanted)) {
    process.stdout.write(`${build.name}\n`);
    built[build.name] = await playBuild(build, { socket: peer.socket, config, door: 'buildkit' });
  }
  for (const call of calls.filter(each => isWanted({ name: nameOfCall(each) }))) {
    process.stdout.write(`${nameOfCall(call)}\n`);
    built[nameOfCall(call)] = await playCall(call, { socket: peer.socket, config });
  }
  await keep('builds.json', engine, 'builds', built);
  const solved = earlier('graphs.json', 'graphs');
  for (const each of graphCases.filter(isWanted)) {
    process.stdout.write(`${each.name}\n`);
    solved[each.name] = await playGraph(each, peer.socket);
  }
  await keep('graphs.json', engine, 'graphs', solved);
  const answered = earlier('inquiries.json', 'inquiries');
  for (const inquiry of inquiries.filter(isWanted)) {
    process.stdout.write(`${inquiry.name}\n`);
    answered[inquiry.name] = await inquire(inquiry, peer.socket, archive);
  }
  await keep('inquiries.json', engine, 'inquiries', answered);
}

const peer = await startPeer();
try {
  await record(peer);
} finally {
  await peer.stop();
}
