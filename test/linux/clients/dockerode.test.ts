import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NativeEngine, startNativeEngine, tracesOf } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';

describe('dockerode', () => {
  let engine: NativeEngine;
  let docker: Docker;

  beforeAll(async () => {
    engine = await startNativeEngine();
    docker = new Docker({ socketPath: engine.socket });
    const loading = await docker.loadImage(await busyboxArchive());
    await new Promise(resolve => docker.modem.followProgress(loading, resolve));
  });

  afterAll(async () => {
    await engine.stop();
    expect(await tracesOf(engine)).toEqual([]);
  });

  it('runs to the end and gives both streams apart', async () => {
    const [out, err] = [new PassThrough(), new PassThrough()];
    const both = Promise.all([text(out), text(err)]);
    const command = ['sh', '-c', 'echo out; echo err >&2; exit 4'];
    const [data, container] = await docker.run('busybox', command, [out, err], { Tty: false });
    out.end();
    err.end();
    expect(data.StatusCode).toBe(4);
    expect(await both).toEqual(['out\n', 'err\n']);
    await container.remove();
  });

  it('lives with a container: attach, exec, logs, stats, top, files, events', { timeout: 30_000 }, async () => {
    const events = (await docker.getEvents({ filters: { type: ['container'] } })) as NodeJS.ReadableStream;
    const told: string[] = [];
    createInterface({ input: events }).on('line', line => told.push(JSON.parse(line).Action));
    const container = await docker.createContainer({ Image: 'busybox', name: 'cat', Cmd: ['cat'], OpenStdin: true });
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
    const echoed = new PassThrough();
    docker.modem.demuxStream(stream, echoed, echoed);
    await container.start();
    stream.write('through attach\n');
    await eventually('cat echoes', () => String(echoed.read() ?? '') === 'through attach\n');

    const exec = await container.exec({ Cmd: ['sh', '-c', 'cat; exit 5'], AttachStdin: true, AttachStdout: true });
    const session = await exec.start({ hijack: true, stdin: true });
    const said = new PassThrough();
    docker.modem.demuxStream(session, said, said);
    session.on('end', () => said.end());
    session.end('through exec\n');
    expect(await text(said)).toBe('through exec\n');
    expect(await exec.inspect()).toMatchObject({ Running: false, ExitCode: 5 });

    expect(String(await container.logs({ stdout: true, tail: 1 }))).toContain('through attach');
    expect(await container.stats({ stream: false })).toMatchObject({ name: '/cat' });
    expect((await container.top()).Processes).toHaveLength(1);
    await container.putArchive((await container.getArchive({ path: '/etc/passwd' })) as NodeJS.ReadableStream, {
      path: '/tmp',
    });
    expect(await container.changes()).toContainEqual({ Path: '/tmp/passwd', Kind: 1 });
    await container.rename({ name: 'tiger' });
    await container.update({ CpuShares: 512 });
    const [waited] = await Promise.all([container.wait(), container.stop({ t: 0 })]);
    expect(waited.StatusCode).toBe(137);
    await container.remove({ v: true });
    await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404, reason: 'no such container' });
    await eventually('the events are told', () => told.includes('destroy'));
    expect(told.filter(action => ['create', 'start', 'rename', 'die', 'destroy'].includes(action))).toEqual([
      ...['create', 'start', 'rename', 'die', 'destroy'],
    ]);
    (events as PassThrough).destroy();
  });

  it('manages images, networks and volumes, and hears what is wrong', async () => {
    const image = docker.getImage('busybox:latest');
    await image.tag({ repo: 'other', tag: '1' });
    expect((await docker.listImages({ filters: { reference: ['other'] } }))[0]?.RepoTags).toContain('other:1');
    expect(await image.history()).not.toHaveLength(0);
    await docker.getImage('other:1').remove();
    await expect(docker.getImage('nosuch').inspect()).rejects.toMatchObject({ statusCode: 404 });
    const network = await docker.createNetwork({ Name: 'dn', Labels: { a: 'b' } });
    expect(await docker.listNetworks({ filters: { label: ['a=b'] } })).toHaveLength(1);
    await network.remove();
    await docker.createVolume({ Name: 'dv', Labels: { a: 'b' } });
    expect((await docker.listVolumes({ filters: JSON.stringify({ label: ['a=b'] }) })).Volumes).toHaveLength(1);
    await docker.getVolume('dv').remove();
    expect(String(await docker.ping())).toBe('OK');
    expect(await docker.version()).toMatchObject({ ApiVersion: '1.52', MinAPIVersion: '1.22' });
    expect(await docker.info()).toMatchObject({ OSType: 'linux', Containers: 0 });
    expect((await docker.df()).Images).toHaveLength(1);
    await docker.pruneContainers({ filters: { label: ['a'] } });
    await expect(docker.createContainer({ Image: 'busybox', name: '!' })).rejects.toMatchObject({ statusCode: 400 });
  });
});
