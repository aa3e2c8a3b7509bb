import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { succeed } from '../../support/command.ts';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { busyboxArchive } from '../../support/images.ts';
import { usable } from './fixture.ts';

/** The range is what this test gives the engine; the host's own files are put back. */
const range = { name: 'root', start: 700_000 };

describe.skipIf(!usable)('an engine whose containers’ root is nobody', { timeout: 60_000 }, () => {
  let engine: NativeEngine;
  const before = new Map<string, string | undefined>();
  beforeAll(async () => {
    for (const path of ['/etc/subuid', '/etc/subgid']) {
      const text = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
      before.set(path, text);
      writeFileSync(path, `${text ?? ''}${range.name}:${range.start}:65536\n`);
    }
    engine = await startNativeEngine({ 'userns-remap': range.name });
    await engine.docker('load', '-q', '-i', await busyboxArchive());
  }, 60_000);
  afterAll(async () => {
    await engine?.stop();
    for (const [path, text] of before) {
      if (text === undefined) rmSync(path);
      else writeFileSync(path, text);
    }
  });
  const run = (...args: string[]) => engine.docker('run', '--rm', ...args);
  const refusal = async (...args: string[]): Promise<string> =>
    (await engine.tryDocker(['create', ...args, 'busybox', 'true'])).stderr;

  it('runs them, with network, volumes, terminals and files of their own', async () => {
    expect(engine.root && readdirSync(engine.root)).toContain(`${range.start}.${range.start}`);
    expect((await engine.docker('info', '--format', '{{json .SecurityOptions}} {{.DockerRootDir}}')).trim()).toMatch(
      new RegExp(`"name=userns".*/${range.start}.${range.start}$`),
    );
    const script = `id -u; stat -c %u /bin/sh /v /etc/hosts; touch /v/x; echo 1.2.3.4 other >>/etc/hosts && ip -4 -o addr show eth0 | wc -l; nc -l -p 80 & sleep 0.1; kill %1; echo to-stdout >/dev/stdout`;
    expect(await run('-v', 'mine:/v', 'busybox', 'sh', '-c', script)).toBe('0\n0\n0\n0\n1\nto-stdout\n');
    expect(
      await run('-u', '1000', '-v', 'mine:/v', 'busybox', 'sh', '-c', 'echo user >/dev/stdout; stat -c %u /v/x'),
    ).toBe('user\n0\n');
    const place = (await engine.docker('volume', 'inspect', '--format', '{{.Mountpoint}}', 'mine')).trim();
    expect(statSync(join(place, 'x')).uid).toBe(0);
  });

  it('enters them, stops them, copies out of them, and starts them again', async () => {
    await engine.docker('run', '-d', '--name', 'mapped', 'busybox', 'sh', '-c', 'echo made >/made; sleep 1000');
    const pid = (await engine.docker('inspect', '--format', '{{.State.Pid}}', 'mapped')).trim();
    expect(statSync(`/proc/${pid}`).uid).toBe(range.start);
    expect(
      await engine.docker('exec', 'mapped', 'sh', '-c', 'id -u; cat /made; touch /tmp/y && stat -c %u /tmp/y'),
    ).toBe('0\nmade\n0\n');
    expect(await engine.docker('exec', '-u', '5', 'mapped', 'sh', '-c', 'id -u; echo out >/dev/stdout')).toBe(
      '5\nout\n',
    );
    const folder = mkdtempSync(join(tmpdir(), 'copied-'));
    await engine.docker('cp', 'mapped:/made', folder);
    expect(readFileSync(join(folder, 'made'), 'utf8')).toBe('made\n');
    await engine.docker('cp', join(folder, 'made'), 'mapped:/tmp/copied');
    expect(await engine.docker('exec', 'mapped', 'stat', '-c', '%u:%g', '/tmp/copied', '/made')).toBe('0:0\n0:0\n');
    expect(await engine.docker('exec', 'mapped', 'sh', '-c', 'touch /tmp/five && chown 5:6 /tmp/five')).toBe('');
    const listed = `DOCKER_HOST=unix://${engine.socket} docker cp mapped:/tmp/five - | tar --numeric-owner -tv`;
    expect(await succeed('sh', ['-c', listed])).toContain(' 5/6 ');
    await engine.docker('restart', '-t', '0', 'mapped');
    expect(await engine.docker('diff', 'mapped')).toContain('A /made');
    await engine.docker('stop', '-t', '0', 'mapped');
    await engine.docker('cp', join(folder, 'made'), 'mapped:/copied');
    await engine.docker('rm', '-f', 'mapped');
    rmSync(folder, { recursive: true });
  });

  it('shares the memory of one with another, in the size that the first was given', async () => {
    await engine.docker(
      'run',
      '-d',
      '--name',
      'donor',
      '--ipc',
      'shareable',
      '--shm-size',
      '4m',
      'busybox',
      'sleep',
      '1000',
    );
    await engine.docker('exec', 'donor', 'sh', '-c', 'echo hers >/dev/shm/f');
    const script = 'cat /dev/shm/f; df -k /dev/shm | tail -1 | awk "{print \\$2}"; echo his >/dev/shm/f';
    expect(await run('--ipc', 'container:donor', 'busybox', 'sh', '-c', script)).toBe('hers\n4096\n');
    expect(await engine.docker('exec', 'donor', 'cat', '/dev/shm/f')).toBe('his\n');
    await engine.docker('rm', '-f', 'donor');
  });

  it('refuses what would need the machine, unless it is asked for the machine’s users', async () => {
    expect(await refusal('--privileged')).toContain(
      'privileged mode is incompatible with user namespaces.  You must run',
    );
    expect(await refusal('--network', 'host')).toContain(
      "cannot share the host's network namespace when user namespaces",
    );
    expect(await refusal('--pid', 'host')).toContain(
      'cannot share the host PID namespace when user namespaces are enabled',
    );
    const options = ['--userns', 'host', '--privileged', '--pid', 'host'];
    expect(await run(...options, 'busybox', 'sh', '-c', "cat /proc/self/uid_map | tr -s ' '")).toBe(
      ' 0 0 4294967295\n',
    );
  });
});
