import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decode } from '../../guest-agent/builder/buildkit/messages.ts';
import { BuildKitClient } from '../support/buildkit-client.ts';
import type { CommandResult } from '../support/command.ts';
import { engineForTests } from '../support/engine-for-tests.ts';
import { GraphMaker, make } from '../support/graph.ts';
import { busyboxArchive, pythonArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';
import { buildxConfig } from './builds/play-build.ts';

const timeout = 120_000;
const program = join(import.meta.dirname, '../support/frontend.py');
const image = 'FROM debian-python\nCOPY frontend.py /\nENTRYPOINT ["python3", "/frontend.py"]\n';
const text = '# syntax=tests/frontend\nfile made hello from a file\nrun echo again >> /made\n';

/** The frontend was seen to work with dockerd's BuildKit as it does here. */
describe('frontends of others', { timeout }, () => {
  const engine = engineForTests();
  let folder: string;
  let config: string;

  const build = (...args: string[]): Promise<CommandResult> =>
    engine().tryDocker(['build', '--progress=plain', ...args, folder], { env: { DOCKER_CONFIG: config } });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-frontend-'));
    config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
    for (const archive of [busyboxArchive(), pythonArchive()]) await engine().docker('load', '-i', await archive);
    await copyFile(program, join(folder, 'frontend.py'));
    await writeFile(join(folder, 'Dockerfile'), image);
    expect(await build('-t', 'tests/frontend')).toMatchObject({ code: 0 });
    await writeFile(join(folder, 'Dockerfile'), text);
  }, timeout);

  afterAll(async () => {
    for (const each of [folder, config]) await rm(each, { recursive: true, force: true });
  });

  it('an image that a file names is run as its frontend', async () => {
    const first = await build('-t', 'made');
    expect(first.code, first.stderr).toBe(0);
    expect(await engine().docker('run', '--rm', 'made')).toBe('hello from a file\nagain\n');
    const [{ Config }] = JSON.parse(await engine().docker('image', 'inspect', 'made'));
    expect(Config).toMatchObject({ Env: ['PATH=/bin'], Labels: { by: 'tests/frontend' } });
    const again = (await build('-t', 'made')).stderr;
    expect(again).toMatch(/mkfile \/made\n#\d+ CACHED/);
    expect(again).toMatch(/echo again >> \/made\n#\d+ CACHED/);
    expect(await engine().docker('ps', '-aq')).toBe('');
  });

  it('says what went wrong, and where the frontend was named', async () => {
    const refused = await build('--build-arg', 'REFUSE=1');
    expect(refused.stderr).toContain('1 | >>> # syntax=tests/frontend');
    expect(refused.stderr).toContain('failed to solve: nothing to be made of Dockerfile');
    const crashed = await build('--build-arg', 'CRASH=1');
    expect(crashed.stderr).toContain('failed to solve: exit code: 1: no wish to go on');
    expect(await engine().docker('ps', '-aq')).toBe('');
  });

  it('a client asks for a frontend by its image', async () => {
    const client = await BuildKitClient.connect(engine().socket, { dockerfile: { Dockerfile: text } });
    const FrontendAttrs = { source: 'tests/frontend' };
    await client.solve({ Frontend: 'gateway.v0', FrontendAttrs, Exporter: 'moby', ExporterAttrs: { name: 'asked' } });
    client.close();
    expect(await engine().docker('run', '--rm', 'asked')).toBe('hello from a file\nagain\n');
  });

  it('a client is its own frontend', async () => {
    const graph = new GraphMaker();
    const made = graph.files([graph.image()], [make.directory('/dir'), make.file('/dir/file', 'content')]);
    const client = await BuildKitClient.connect(engine().socket, {});
    await client.drive({ Exporter: 'moby', ExporterAttrs: { name: 'driven' } }, async bridge => {
      const solved = await bridge('Solve', 'BridgeSolveRequest', { Definition: graph.definition(made) });
      const { result } = decode<{ result: { ref: { id: string } } }>('BridgeSolveResponse', solved);
      const Ref = result.ref.id;
      const file = await bridge('ReadFile', 'ReadFileRequest', { Ref, FilePath: '/dir/file', Range: { Offset: 3 } });
      expect(Buffer.from(decode<{ data: Uint8Array }>('BytesMessage', file).data).toString()).toBe('tent');
      const listed = await bridge('ReadDir', 'ReadDirectoryRequest', { Ref, DirPath: '/dir' });
      expect(decode<{ entries: object[] }>('ReadDirectoryResponse', listed).entries).toMatchObject([{ path: 'file' }]);
      const stat = await bridge('StatFile', 'StatFileRequest', { Ref, Path: '/dir' });
      expect(decode('StatFileResponse', stat)).toMatchObject({ stat: { path: 'dir', mode: 2 ** 31 + 0o755 } });
      await expect(bridge('ReadFile', 'ReadFileRequest', { Ref, FilePath: '/none' })).rejects.toThrow('/none');
      const config = { architecture: 'amd64', os: 'linux', config: { Cmd: ['cat', '/dir/file'] } };
      const metadata = { 'containerimage.config': Buffer.from(JSON.stringify(config)) };
      await bridge('Return', 'ReturnRequest', { result: { ref: { id: Ref }, metadata } });
    });
    const nonsense = { 'containerimage.config': Buffer.from('{"config":{"Env":5}}') };
    const refused = client.drive({ Exporter: 'moby', ExporterAttrs: { name: 'nonsense' } }, async bridge => {
      await bridge('Return', 'ReturnRequest', { result: { ref: { id: '' }, metadata: nonsense } });
    });
    await expect(refused).rejects.toThrow('Env');
    client.close();
    expect(await engine().docker('run', '--rm', 'driven')).toBe('content');
  });
});
