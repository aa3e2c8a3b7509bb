import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildxConfig } from '../../test/docker-api/builds/play-build.ts';
import { succeed } from '../../test/support/command.ts';
import { startNativeEngine } from '../../test/support/engine.ts';
import { busyboxArchive } from '../../test/support/images.ts';
import { fetchPeer, startPeer } from '../../test/support/peer.ts';
import { compared, type Row } from './numbers.ts';
import { alternate } from './turns.ts';

const files = 20_000;

/** A folder with a Dockerfile of 20 small steps, and one with a context of 20,000 files. */
async function layOut(root: string): Promise<{ steps: string; many: string }> {
  const [steps, many] = [join(root, 'steps'), join(root, 'many')];
  await mkdir(steps);
  const runs = Array.from({ length: 20 }, (_, number) => `RUN echo ${number} > /file-${number}\n`);
  await writeFile(join(steps, 'Dockerfile'), `FROM busybox\n${runs.join('')}`);
  for (let folder = 0; folder < 200; folder++) await mkdir(join(many, `files/${folder}`), { recursive: true });
  for (let file = 0; file < files; file++) {
    await writeFile(join(many, `files/${file % 200}/${file}`), `${file} `.repeat(50));
  }
  await writeFile(join(many, 'Dockerfile'), 'FROM busybox\nCOPY files /files\n');
  return { steps, many };
}

/** Builds beside dockerd's BuildKit, by the same client. */
export async function benchBuilds(rounds: number): Promise<Row[]> {
  const root = await mkdtemp(join(tmpdir(), 'berth-bench-builds-'));
  const config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
  const [peer, engine] = [await startPeer(), await startNativeEngine()];
  const sockets = [engine.socket, peer.socket];
  let copies = 0;
  const build = async (socket: string, ...args: string[]): Promise<number> => {
    const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: config };
    const started = performance.now();
    await succeed('docker', ['build', '-q', '--provenance=false', ...args], { env, timeoutMs: 300_000 });
    return performance.now() - started;
  };
  const row = async (what: string, times: number, turn: (socket: string) => Promise<number>): Promise<Row> => {
    const [mine = [], theirs = []] = await alternate(
      rounds,
      1,
      sockets.map(socket => () => turn(socket)),
    );
    return compared(what, 'ms', mine, theirs, times);
  };
  try {
    for (const socket of sockets)
      await succeed('docker', ['-H', `unix://${socket}`, 'load', '-i', await busyboxArchive()]);
    const { steps, many } = await layOut(root);
    return [
      await row('a cold build of 20 small RUN steps', 4, socket => build(socket, '--no-cache', steps)),
      await row('the same, all of it cached, client included', 2, socket => build(socket, steps)),
      await row('COPY of 20,000 files, none of them sent before', 1, async socket => {
        await succeed('cp', ['-r', many, `${many}-${++copies}`]); // a folder that no engine knows
        return build(socket, '--no-cache', `${many}-${copies}`);
      }),
      await row('the same once more, nothing changed', 1.5, socket => build(socket, many)),
    ];
  } finally {
    await engine.stop();
    await peer.stop();
    for (const each of [root, config]) await rm(each, { recursive: true, force: true });
  }
}
