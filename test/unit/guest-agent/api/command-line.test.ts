import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../../../../base/log.ts';
import { type Api, type LoadBuilder, openApi } from '../../../../guest-agent/api/index.ts';
import { FakeEngine } from '../../../fakes/fake-engine.ts';

const hasDocker = spawnSync('docker', ['--version']).status === 0;
if (!hasDocker) console.log('skipped: there is no docker command line here');

/** The builder of an engine that has built nothing. */
const nothingBuilt = (async () => ({
  ...(await import('../../../../guest-agent/builder/index.ts')),
  builder: { kept: { list: async () => [], prune: async () => ({ usages: [], bytes: 0 }) } },
})) as unknown as LoadBuilder;

let folder: string;
let engine: FakeEngine;
let api: Api;

/** Runs the real docker command line against the engine in memory. */
function docker(args: string[], input = ''): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise(resolve => {
    const env = { ...process.env, DOCKER_HOST: `unix://${join(folder, 'd.sock')}`, DOCKER_CONFIG: folder };
    const child = spawn('docker', args, { env });
    let out = '';
    let err = '';
    child.stdout.on('data', piece => {
      out += piece;
    });
    child.stderr.on('data', piece => {
      err += piece;
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.on('close', code => resolve({ code, out, err }));
  });
}

describe.skipIf(!hasDocker)('docker', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cli-'));
    engine = new FakeEngine();
    const log = createLog({ level: 'error', write: () => undefined });
    api = await openApi({ engine, builder: nothingBuilt, socketPath: join(folder, 'd.sock'), version: '28.5.2', log });
  });

  afterAll(async () => {
    await engine.close();
    await api.close();
    rmSync(folder, { recursive: true });
  });

  it('agrees on a version', async () => {
    const { out } = await docker(['version', '--format', '{{.Client.APIVersion}} {{.Server.APIVersion}}']);
    expect(out).toMatch(/^1\.\d+ 1\.51\n$/);
  });

  it('runs: both streams, the exit code, stdin to its end', async () => {
    expect(await docker(['run', '--rm', 'busybox', 'both'])).toEqual({ code: 3, out: 'out\n', err: 'err\n' });
    expect(await docker(['run', '--rm', '-i', 'busybox', 'cat'], 'some\nlines')).toMatchObject({
      code: 0,
      out: 'some\nlines',
    });
  });

  it('pulls what is missing, with progress on stderr', async () => {
    const { code, out, err } = await docker(['run', '--rm', 'absent', 'echo', 'here']);
    expect([code, out]).toEqual([0, 'here\n']);
    expect(err).toContain("Unable to find image 'absent:latest' locally");
    expect(err).toContain('Status: Downloaded newer image for absent:latest');
  });

  it('says why a program does not start', async () => {
    const { code, err } = await docker(['run', '--rm', 'busybox', 'nope']);
    expect(code).toBe(127);
    expect(err).toContain('executable file not found in $PATH');
  });

  it('lives with a container: ps, exec, logs, top, stats, cp, stop, rm', async () => {
    expect((await docker(['run', '-d', '--name', 'c', 'busybox', 'sleep', '60'])).out).toMatch(/^[0-9a-f]{64}\n$/);
    expect((await docker(['ps', '--format', '{{.Names}} {{.State}}'])).out).toBe('c running\n');
    expect(await docker(['exec', '-i', 'c', 'cat'], 'x')).toEqual({ code: 0, out: 'x', err: '' });
    expect((await docker(['exec', 'c', 'false'])).code).toBe(1);
    expect((await docker(['exec', 'c', 'nope'])).code).toBe(127);
    expect((await docker(['logs', 'c'])).code).toBe(0);
    expect((await docker(['top', 'c'])).out).toContain('sleep 60');
    expect((await docker(['stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'c'])).out).toBe('c 1\n');
    const file = join(folder, 'file');
    writeFileSync(file, 'content');
    expect((await docker(['cp', file, 'c:/file'])).code).toBe(0);
    expect(await docker(['stop', 'c'])).toMatchObject({ code: 0, out: 'c\n' });
    expect(await docker(['rm', 'c'])).toMatchObject({ code: 0, out: 'c\n' });
    expect((await docker(['rm', 'c'])).err).toContain('No such container: c');
  });

  it('follows events', async () => {
    const env = { ...process.env, DOCKER_HOST: `unix://${join(folder, 'd.sock')}` };
    const events = spawn('docker', ['events', '--format', '{{.Action}}'], { env });
    let out = '';
    events.stdout.on('data', piece => {
      out += piece;
    });
    await expect
      .poll(async () => {
        await docker(['run', '--rm', 'busybox', 'true']);
        return out;
      })
      .toContain('create\nstart\ndie\ndestroy\n');
    events.kill();
  });

  it('manages images, networks and volumes', async () => {
    expect((await docker(['tag', 'busybox', 'example.com/a/b:1'])).code).toBe(0);
    expect((await docker(['image', 'inspect', '-f', '{{.RepoTags}}', 'example.com/a/b:1'])).out).toContain('a/b:1');
    expect((await docker(['save', 'busybox'])).out).toBe('busybox');
    expect((await docker(['load'], 'a tar')).out).toBe('Loaded image: loaded:latest\n');
    expect(engine.loaded?.toString()).toBe('a tar');
    expect((await docker(['network', 'create', 'n'])).out).toMatch(/^[0-9a-f]{64}\n$/);
    expect((await docker(['network', 'rm', 'n'])).out).toBe('n\n');
    expect((await docker(['volume', 'create', 'v'])).out).toBe('v\n');
    expect((await docker(['volume', 'rm', 'v'])).out).toBe('v\n');
    expect((await docker(['system', 'prune', '-f'])).out).toBe('Total reclaimed space: 0B\n');
    expect((await docker(['system', 'df'])).code).toBe(0);
  });

  it('logs in, is refused, and hears of what is not there', async () => {
    const login = (password: string) => docker(['login', '-u', 'me', '--password-stdin', 'localhost:1'], password);
    expect((await login('right')).out).toContain('Login Succeeded');
    expect((await login('wrong')).err).toContain('incorrect username or password');
    expect((await docker(['service', 'ls'])).err).toContain('This node is not a swarm manager.');
  });
});
