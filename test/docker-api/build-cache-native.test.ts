import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BuildKitClient } from '../support/buildkit-client.ts';
import type { CommandResult } from '../support/command.ts';
import { engineForTests } from '../support/engine-for-tests.ts';
import { busyboxArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';
import { type Registry, startRegistry } from '../support/registry.ts';
import { buildxConfig } from './builds/play-build.ts';

const timeout = 120_000;
const random = 'head -c8 /dev/urandom | od -x';

describe('a build cache that is kept elsewhere', { timeout }, () => {
  const engine = engineForTests();
  let folder: string;
  let config: string;
  let registry: Registry;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-cache-'));
    config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
    registry = await startRegistry();
    await writeFile(
      join(folder, 'Dockerfile'),
      `FROM busybox AS other\nRUN ${random} > /other\nFROM busybox\nRUN ${random} > /own\nCOPY --from=other /other /\n`,
    );
    await engine().docker('load', '-i', await busyboxArchive());
  }, timeout);

  afterAll(async () => {
    await registry?.stop();
    for (const each of [folder, config]) await rm(each, { recursive: true, force: true });
  });

  const build = (...args: string[]): Promise<CommandResult> =>
    engine().tryDocker(['build', '--progress=plain', '--provenance=false', ...args, folder], {
      env: { DOCKER_CONFIG: config },
    });
  const content = (image: string): Promise<string> => engine().docker('run', '--rm', image, 'cat', '/own', '/other');
  const forget = async (image: string): Promise<void> => {
    await engine().docker('rmi', image);
    await engine().docker('builder', 'prune', '-af');
  };
  /** Which of the steps that make a layer were in a cache; a step is shown again when others came between. */
  const cached = ({ stderr }: CommandResult): string[] => {
    const steps = new Map(
      [...stderr.matchAll(/^#(\d+) \[[^\]]*\] (RUN|COPY)/gm)].map(([, number, word]) => [number, word]),
    );
    return [...steps].flatMap(([number, word = '']) => (stderr.includes(`\n#${number} CACHED`) ? [word] : []));
  };

  const places: [string, () => { to: string; from: string; more?: string[] }, string[]][] = [
    [
      'a registry',
      () => ({
        to: `type=registry,ref=${registry.host}/cache,mode=max`,
        from: `type=registry,ref=${registry.host}/cache`,
      }),
      ['RUN', 'RUN', 'COPY'],
    ],
    [
      'a registry, as an index',
      () => ({
        to: `type=registry,ref=${registry.host}/index,mode=max,image-manifest=false`,
        from: `type=registry,ref=${registry.host}/index`,
      }),
      ['RUN', 'RUN', 'COPY'],
    ],
    [
      "a folder of the client's",
      () => ({
        to: `type=local,dest=${folder}/../cache-${process.pid},mode=max`,
        from: `type=local,src=${folder}/../cache-${process.pid}`,
      }),
      ['RUN', 'RUN', 'COPY'],
    ],
    [
      'the image itself',
      () => ({ to: 'type=inline', from: `type=registry,ref=${registry.host}/inline`, more: ['--push'] }),
      ['RUN'], // the stage beside it is not in the image, and is another one each time: so is what is copied of it
    ],
  ];

  it.each(places)('in %s', async (_, options, known) => {
    const { to, from, more = [] } = options();
    const tag = `${registry.host}/inline`;
    const first = await build('-t', tag, '--cache-to', to, ...more);
    expect(first.code, first.stderr).toBe(0);
    const before = await content(tag);
    await forget(tag);
    const again = await build('-t', tag, '--cache-from', from);
    expect(again.code, again.stderr).toBe(0);
    expect(cached(again).sort()).toEqual([...known].sort());
    if (known.length === 3) expect(await content(tag)).toBe(before);
    await forget(tag);
    await rm(`${folder}/../cache-${process.pid}`, { recursive: true, force: true });
  });

  it('needs no directory of a client twice in a session', async () => {
    const read: boolean[] = [];
    const folders = { dockerfile: { Dockerfile: 'FROM busybox\nCOPY one /one\n' }, context: { one: '1' } };
    for (let session = 0; session < 2; session++) {
      const client = await BuildKitClient.connect(engine().socket, folders, { sharedKey: 'the same folder' });
      for (let build = 0; build < 2; build++) {
        const { vertices } = await client.solve({ Frontend: 'dockerfile.v0' });
        read.push(vertices.get('[internal] load build context')?.cached === false);
      }
      client.close();
    }
    expect(read).toEqual([true, false, true, false]);
  });

  it('that is not there stops no build, and one that cannot be made is refused', async () => {
    const { code, stderr } = await build('--cache-from', `type=registry,ref=${registry.host}/nothing`);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/importing cache manifest from .*nothing\n#\d+ ERROR/);
    const client = await BuildKitClient.connect(engine().socket, {});
    const asked = client.solve({ Frontend: 'dockerfile.v0', Cache: { Exports: [{ Type: 's3', Attrs: {} }] } });
    await expect(asked).rejects.toThrow('exporting the build cache (type=s3) is not part of Berth');
    client.close();
    const closed = createServer((_, reply) => reply.writeHead(403).end());
    await new Promise<void>(resolve => closed.listen(0, '127.0.0.1', resolve));
    const to = `type=registry,ref=localhost:${(closed.address() as AddressInfo).port}/x`;
    expect((await build('--cache-to', to)).code).not.toBe(0);
    expect((await build('--cache-to', `${to},ignore-error=true`)).code).toBe(0);
    closed.closeAllConnections();
    closed.close();
  });
});
