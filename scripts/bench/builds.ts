import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildxConfig } from '../../test/docker-api/builds/play-build.ts';
import { BuildKitClient, type ClientFolder } from '../../test/support/buildkit-client.ts';
import { succeed } from '../../test/support/command.ts';
import { startNativeEngine } from '../../test/support/engine.ts';
import { busyboxArchive } from '../../test/support/images.ts';
import { fetchPeer, startPeer } from '../../test/support/peer.ts';
import { compared, type Row } from './numbers.ts';
import { alternate } from './turns.ts';

const files = 20_000;

/** A Dockerfile of 20 small steps. */
const steps: ClientFolder = {
  Dockerfile: `FROM busybox\n${Array.from({ length: 20 }, (_, number) => `RUN echo ${number} > /file-${number}\n`).join('')}`,
};

/** A context of 20,000 files. */
const many: ClientFolder = {
  Dockerfile: 'FROM busybox\nCOPY files /files\n',
  ...Object.fromEntries(
    Array.from({ length: files }, (_, file) => [`files/${file % 200}/${file}`, `${file} `.repeat(50)]),
  ),
};

async function layOut(folder: string, content: ClientFolder): Promise<string> {
  const parents = new Set(Object.keys(content).map(path => dirname(join(folder, path))));
  for (const parent of parents) await mkdir(parent, { recursive: true });
  for (const [path, text] of Object.entries(content)) await writeFile(join(folder, path), text);
  return folder;
}

/** Builds beside dockerd's BuildKit: by the docker command, and by the API alone, from one small client. */
export async function benchBuilds(rounds: number): Promise<Row[]> {
  const root = await mkdtemp(join(tmpdir(), 'berth-bench-builds-'));
  const config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
  const [peer, engine] = [await startPeer(), await startNativeEngine()];
  const sockets = [engine.socket, peer.socket];
  let copies = 0;
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    await work();
    return performance.now() - started;
  };
  const build = (socket: string, ...args: string[]): Promise<number> => {
    const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: config };
    return timed(() => succeed('docker', ['build', '-q', '--provenance=false', ...args], { env, timeoutMs: 300_000 }));
  };
  const row = async (what: string, times: number, turns: (() => Promise<number>)[], count = rounds): Promise<Row> => {
    const [mine = [], theirs = []] = await alternate(count, 1, turns);
    return compared(what, 'ms', mine, theirs, times);
  };
  const onEach = (turn: (socket: string) => Promise<number>) => sockets.map(socket => () => turn(socket));
  /**
   * The same build again and again, each by a new client, as one `docker build` is after the other: it tells of all its
   * files again, for neither engine asks twice in one session. The first does not count.
   */
  const byApi = async (what: string, times: number, context: ClientFolder): Promise<Row> => {
    const folders = { dockerfile: { Dockerfile: context.Dockerfile ?? '' }, context };
    const solve = { Frontend: 'dockerfile.v0', Exporter: 'moby', ExporterAttrs: { name: 'bench' } };
    const turns = onEach(socket =>
      timed(async () => {
        const client = await BuildKitClient.connect(socket, folders, { sharedKey: what });
        await client.solve(solve);
        client.close();
      }),
    );
    for (const turn of turns) await turn();
    return row(what, times, turns, rounds * 2);
  };
  try {
    for (const socket of sockets)
      await succeed('docker', ['-H', `unix://${socket}`, 'load', '-i', await busyboxArchive()]);
    const folder = { steps: await layOut(join(root, 'steps'), steps), many: await layOut(join(root, 'many'), many) };
    return [
      await row(
        'a cold build of 20 small RUN steps',
        4,
        onEach(socket => build(socket, '--no-cache', folder.steps)),
      ),
      await byApi('the same, all of it cached, by the API', 2, steps),
      await row(
        'the same by the docker command',
        1,
        onEach(socket => build(socket, folder.steps)),
      ),
      await row(
        'COPY of 20,000 files, none of them sent before',
        1,
        onEach(async socket => {
          await succeed('cp', ['-r', folder.many, `${folder.many}-${++copies}`]); // a folder that no engine knows
          return build(socket, '--no-cache', `${folder.many}-${copies}`);
        }),
      ),
      await byApi('the same once more, nothing changed, by the API', 1.5, many),
      await row(
        'the same by the docker command',
        1,
        onEach(socket => build(socket, folder.many)),
      ),
    ];
  } finally {
    await engine.stop();
    await peer.stop();
    for (const each of [root, config]) await rm(each, { recursive: true, force: true });
  }
}
