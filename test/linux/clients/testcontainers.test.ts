import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command } from '../../support/command.ts';
import { type NativeEngine, startNativeEngine, tracesOf } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';
import { ryukImage, writeRyukArchive } from '../../support/ryuk.ts';

/** The environment in which testcontainers finds our engine, and the stand-in for its reaper. */
const around = (engine: NativeEngine): Record<string, string> => ({
  DOCKER_HOST: `unix://${engine.socket}`,
  TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE: engine.socket,
  TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1',
  RYUK_CONTAINER_IMAGE: ryukImage,
});

describe('testcontainers', () => {
  let engine: NativeEngine;

  beforeAll(async () => {
    engine = await startNativeEngine();
    await engine.docker('load', '--quiet', '--input', await busyboxArchive());
    const archive = await writeRyukArchive(dirname(engine.socket));
    await engine.docker('load', '--quiet', '--input', archive);
    await rm(archive);
    Object.assign(process.env, around(engine));
  }, 180_000);

  afterAll(async () => {
    for (const name of Object.keys(around(engine))) delete process.env[name];
    const left = (await engine.docker('ps', '-aq')).split('\n').filter(Boolean);
    if (left.length > 0) await engine.docker('rm', '-f', ...left);
    await engine.stop();
    expect(await tracesOf(engine)).toEqual([]);
  });

  it('starts, waits for, asks, fills and stops containers', { timeout: 60_000 }, async () => {
    const { GenericContainer, Wait } = await import('testcontainers');
    const page = [{ content: 'from a file\n', target: '/www/index.html' }];
    const server = await new GenericContainer('busybox')
      .withCopyContentToContainer(page)
      .withEnvironment({ GREETING: 'hello' })
      .withLabels({ purpose: 'test' })
      .withTmpFs({ '/scratch': 'rw,size=1m' })
      .withCommand(['sh', '-c', 'echo ready; httpd -f -p 80 -h /www'])
      .withExposedPorts(80)
      .withWaitStrategy(Wait.forAll([Wait.forLogMessage('ready'), Wait.forHttp('/', 80), Wait.forListeningPorts()]))
      .withStartupTimeout(30_000)
      .start();
    const url = `http://${server.getHost()}:${server.getMappedPort(80)}/`;
    expect(await (await fetch(url)).text()).toBe('from a file\n');
    expect(await server.exec(['sh', '-c', 'echo $GREETING; echo bad >&2; exit 3'])).toMatchObject({
      output: 'hello\nbad\n',
      stdout: 'hello\n',
      stderr: 'bad\n',
      exitCode: 3,
    });
    expect(server.getLabels()).toMatchObject({ purpose: 'test' });
    await server.copyContentToContainer([{ content: 'later\n', target: '/www/later' }]);
    expect(await (await fetch(`${url}later`)).text()).toBe('later\n');
    const lines: string[] = [];
    (await server.logs()).on('data', (line: Buffer | string) => lines.push(String(line)));
    await eventually('the log is read', () => lines.join('').includes('ready'));
    await server.restart();
    expect((await server.exec(['true'])).exitCode).toBe(0);
    await server.stop();
    expect(await engine.docker('ps', '-aq', '--filter', 'label=purpose=test')).toBe('');
  });

  it('is cleaned up behind when it dies', { timeout: 60_000 }, async () => {
    const program = [join(import.meta.dirname, 'leaves-things.ts')];
    const { stdout, stderr } = await command(process.execPath, program, { env: around(engine), timeoutMs: 50_000 });
    expect(stdout, stderr).toContain('container');
    const left = JSON.parse(stdout);
    await engine.docker('inspect', left.container);
    await eventually(
      'the container is reaped',
      async () => (await engine.tryDocker(['inspect', left.container])).code !== 0,
    );
    const networks = ['network', 'inspect', left.network];
    await eventually('the network is reaped', async () => (await engine.tryDocker(networks)).code !== 0);
  });
});
