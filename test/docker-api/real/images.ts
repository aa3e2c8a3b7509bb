import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { command } from '../../support/command.ts';
import { freePort, type Registry } from '../../support/registry.ts';
import { type RegistryPorts, type Stage, startLockedRegistry, user } from './subject.ts';

/** Pull, save, load, log in: images on their way from and to real programs. */
export function imageTests(stage: () => Stage, ports: () => RegistryPorts): void {
  pulling(stage);
  savingAndLoading(stage);
  loggingIn(stage, ports);
  building(stage);
}

function pulling(stage: () => Stage): void {
  it('pulls an image once, tells its progress and its digest, and finds it up to date then', async () => {
    const { engine, python } = stage();
    const first = await engine.docker('pull', python);
    const digest = /^Digest: (sha256:[0-9a-f]{64})$/m.exec(first)?.[1] ?? 'none';
    expect(first).toMatch(/^latest: Pulling from debian-python$/m);
    expect(first).toMatch(/^[0-9a-f]{12}: Pulling fs layer$/m);
    expect(first).toMatch(/^[0-9a-f]{12}: Pull complete$/m);
    expect(first).toContain(`Status: Downloaded newer image for ${python}:latest\n`);
    const second = await engine.docker('pull', python);
    expect(second).toContain(`Digest: ${digest}\nStatus: Image is up to date for ${python}:latest\n`);
    const repository = python.replace(/:latest$/, '');
    expect(await engine.docker('image', 'inspect', '--format', '{{join .RepoDigests ","}}', python)).toBe(
      `${repository}@${digest}\n`,
    );
    expect(await engine.docker('pull', '-q', `${repository}@${digest}`)).toBe(`${repository}@${digest}\n`);
    expect(await engine.docker('images', '--format', '{{.Repository}}:{{.Tag}}', python)).toBe(`${python}:latest\n`);
  });

  it('pulls what run needs, and says so', async () => {
    const { engine, busybox } = stage();
    const run = await engine.tryDocker(['run', '--rm', busybox, 'echo', 'here']);
    expect(run).toMatchObject({ code: 0, stdout: 'here\n' });
    expect(run.stderr).toContain(`Unable to find image '${busybox}:latest' locally\nlatest: Pulling from busybox\n`);
  });
}

function savingAndLoading(stage: () => Stage): void {
  it('saves an image that it loads again, with the same id', async () => {
    const { engine, busybox, work } = stage();
    const env = { DOCKER_HOST: `unix://${engine.socket}` };
    const id = await engine.docker('image', 'inspect', '--format', '{{.Id}}', busybox);
    await engine.docker('tag', busybox, 'travelling:1');
    const archive = join(work, 'travelling.tar');
    await engine.docker('save', '--output', archive, 'travelling:1');
    await engine.docker('rmi', 'travelling:1');
    const piped = await command('sh', ['-c', 'docker load < "$0"', archive], { env });
    expect(piped).toMatchObject({ code: 0, stdout: 'Loaded image: travelling:1\n' });
    expect(await engine.docker('image', 'inspect', '--format', '{{.Id}}', 'travelling:1')).toBe(id);
    const circle = await command('sh', ['-c', 'docker save travelling:1 | docker load'], { env });
    expect(circle).toMatchObject({ code: 0, stdout: 'Loaded image: travelling:1\n' });
    await engine.docker('rmi', 'travelling:1');
  });
}

function loggingIn(stage: () => Stage, ports: () => RegistryPorts): void {
  it('logs in to a registry, pulls what was locked, and logs out', async () => {
    const { engine, work, hostForEngine } = stage();
    const registry: Registry = await startLockedRegistry(ports());
    try {
      const host = `${hostForEngine}:${registry.port}`;
      const env = { DOCKER_CONFIG: join(work, 'docker-config') };
      const docker = (args: string[], input = '') => engine.tryDocker(args, { env, input });
      const locked = await docker(['pull', `${host}/busybox`]);
      expect(locked.code).toBe(1);
      expect(locked.stderr).toMatch(/no basic auth credentials|authentication required/);
      const wrong = await docker(['login', '-u', user.name, '--password-stdin', host], 'wrong');
      expect(wrong.code).toBe(1);
      expect(wrong.stderr).toContain('401 Unauthorized');
      const right = await docker(['login', '-u', user.name, '--password-stdin', host], user.password);
      expect(right).toMatchObject({ code: 0 });
      expect(right.stdout).toContain('Login Succeeded');
      expect((await docker(['pull', `${host}/busybox`])).stdout).toContain('Status: Downloaded newer image');
      await engine.docker('rmi', `${host}/busybox`);
      expect((await docker(['logout', host])).stdout).toBe(`Removing login credentials for ${host}\n`);
      expect((await docker(['pull', `${host}/busybox`])).code).toBe(1);
    } finally {
      await registry.stop();
    }
  });

  it('says which registry does not answer when logging in', async () => {
    const { engine, hostForEngine, work } = stage();
    const host = `${hostForEngine}:${await freePort()}`;
    const env = { DOCKER_CONFIG: join(work, 'docker-config') };
    const login = await engine.tryDocker(['login', '-u', 'a', '-p', 'b', host], { env });
    expect(login.code).toBe(1);
    expect(login.stderr).toContain(host);
  });
}

function building(stage: () => Stage): void {
  it('builds an image of a file and what a command makes of it', async () => {
    const { engine, work, busybox } = stage();
    const context = join(work, 'build');
    await mkdir(context);
    await writeFile(join(context, 'Dockerfile'), `FROM ${busybox}\nCOPY word /\nRUN cat /word /word > /twice\n`);
    await writeFile(join(context, 'word'), 'again ');
    await engine.docker('build', '-t', 'built', context);
    expect(await engine.docker('run', '--rm', 'built', 'cat', '/twice')).toBe('again again ');
    await engine.docker('rmi', 'built');
    await engine.docker('builder', 'prune', '-af');
  });
}
