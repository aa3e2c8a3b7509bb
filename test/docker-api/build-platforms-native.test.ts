import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageIndex } from '../../contracts/oci/image-spec.ts';
import { type CommandResult, succeed } from '../support/command.ts';
import { engineForTests } from '../support/engine-for-tests.ts';
import { fetchPeer } from '../support/peer.ts';
import { type Registry, startRegistry } from '../support/registry.ts';
import { buildxConfig } from './builds/play-build.ts';

const timeout = 120_000;
const both = '--platform=linux/amd64,linux/arm64';

/** The head of a program for the processor that this one is not: no kernel runs it by itself. */
function foreignProgram(): Buffer {
  const head = Buffer.alloc(64);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18);
  return head;
}

describe('builds for several platforms', { timeout }, () => {
  const engine = engineForTests();
  let folder: string;
  let config: string;
  let registry: Registry;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-platforms-'));
    config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
    registry = await startRegistry();
    await writeFile(join(folder, 'Dockerfile'), 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /arch\n');
    for (const architecture of ['amd64', 'arm64']) await writeFile(join(folder, architecture), architecture);
  }, timeout);

  afterAll(async () => {
    await registry?.stop();
    for (const each of [folder, config]) await rm(each, { recursive: true, force: true });
  });

  const build = (...args: string[]): Promise<CommandResult> =>
    engine().tryDocker(['build', '--progress=plain', '--provenance=false', ...args], {
      env: { DOCKER_CONFIG: config },
    });
  const built = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await build(...args, folder);
    expect(code, stderr).toBe(0);
    return stderr;
  };

  it('are pushed as an index, of which each platform pulls its own', async () => {
    const tag = `${registry.host}/both`;
    expect(await built(both, '-t', tag, '--push')).toContain('[linux/arm64 1/1] COPY arm64 /arch');
    for (const architecture of ['amd64', 'arm64']) {
      await engine().docker('pull', '-q', '--platform', `linux/${architecture}`, tag);
      expect(await engine().docker('image', 'inspect', '--format', '{{.Architecture}}', tag)).toBe(`${architecture}\n`);
      await engine().docker('rmi', tag);
    }
  });

  it('come to the client as an OCI layout, and as a folder each', async () => {
    const outputs = ['-o', `type=oci,dest=${folder}/out.tar`, '-o', `type=local,dest=${folder}/out`];
    await built(both, '-t', 'example.com/both', ...outputs);
    await mkdir(join(folder, 'layout'));
    await succeed('tar', ['-xf', `${folder}/out.tar`, '-C', `${folder}/layout`]);
    const read = async (path: string): Promise<ImageIndex> =>
      JSON.parse(await readFile(join(folder, 'layout', path), 'utf8')) as ImageIndex;
    const [top] = (await read('index.json')).manifests;
    expect(top?.annotations?.['io.containerd.image.name']).toBe('example.com/both:latest');
    const index = await read(`blobs/sha256/${top?.digest.slice('sha256:'.length)}`);
    expect(index.manifests.map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64']);
    await rm(join(folder, 'layout'), { recursive: true });

    expect(await readFile(join(folder, 'out/linux_amd64/arch'), 'utf8')).toBe('amd64');
    expect(await readFile(join(folder, 'out/linux_arm64/arch'), 'utf8')).toBe('arm64');
  });

  it('are kept under one name, and pushed from there', async () => {
    await built(both, '-t', 'both');
    for (const architecture of ['amd64', 'arm64']) {
      const asked = [
        'image',
        'inspect',
        '--platform',
        `linux/${architecture}`,
        '--format',
        '{{.Architecture}}',
        'both',
      ];
      expect(await engine().docker(...asked)).toBe(`${architecture}\n`);
    }
    const target = `${registry.host}/kept`;
    await engine().docker('tag', 'both', target);
    await engine().docker('push', '-q', target);
    const index = JSON.parse(await engine().docker('manifest', 'inspect', '--insecure', target)) as ImageIndex;
    expect(index.manifests.map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64']);
    await engine().docker('rmi', target, 'both');
    expect(await engine().docker('images', '-q', '--filter', 'reference=both')).toBe('');
  });

  it('say what is missing where a program of another processor is to run', async () => {
    const foreign = join(folder, 'foreign');
    await mkdir(foreign);
    await writeFile(join(foreign, 'sh'), foreignProgram(), { mode: 0o755 });
    await writeFile(join(foreign, 'Dockerfile'), 'FROM scratch\nCOPY sh /bin/sh\nRUN x\n');
    const platform = process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64';
    const { code, stderr } = await build(`--platform=${platform}`, foreign);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`exec format error: programs for ${platform} need an emulator here`);
  });
});
