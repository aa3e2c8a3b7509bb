import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { succeed } from '../support/command.ts';
import { engineForTests } from '../support/engine-for-tests.ts';
import { eventually } from '../support/eventually.ts';
import { busyboxArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';

const timeout = 120_000;

/** Each action that compose has, for a folder of its own. */
const project: Readonly<Record<string, string>> = {
  'compose.yaml': `name: berth-watch
services:
  app:
    build: .
    init: true
    develop:
      watch:
        - { action: sync, path: ./page, target: /page, ignore: [drafts/] }
        - { action: sync+restart, path: ./settings, target: /settings }
        - { action: sync+exec, path: ./data, target: /data, exec: { command: sh -c 'cat /data/* > /loaded' } }
        - { action: rebuild, path: ./source }
`,
  Dockerfile: `FROM busybox
COPY . /
CMD cat /settings/name > /was-started-with && exec sleep 1000
`,
  'page/index': 'page',
  'settings/name': 'one',
  'data/row': 'row',
  'source/text': 'source',
};

describe('docker compose, while files change', { timeout }, () => {
  const engine = engineForTests();
  let folder: string;
  let config: string;
  let watching: ChildProcess | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-watch-'));
    config = await mkdtemp(join(tmpdir(), 'berth-compose-'));
    await mkdir(join(config, 'cli-plugins'));
    const plugins = join(await fetchPeer(), 'usr/libexec/docker/cli-plugins');
    for (const name of ['docker-compose', 'docker-buildx']) {
      await symlink(join(plugins, name), join(config, 'cli-plugins', name));
    }
    await engine().docker('load', '-q', '-i', await busyboxArchive());
    await put(project);
  }, timeout);

  afterAll(async () => {
    watching?.kill('SIGKILL');
    await succeed('docker', ['compose', 'down', '-t', '0'], where());
    for (const each of [folder, config]) await rm(each, { recursive: true, force: true });
  }, timeout);

  const put = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
  };
  const where = () => ({
    cwd: folder,
    env: { ...process.env, DOCKER_HOST: `unix://${engine().socket}`, DOCKER_CONFIG: config },
    timeoutMs: timeout,
  });
  const id = async (): Promise<string> => (await engine().docker('ps', '-q', '--no-trunc')).trim();
  /** What a file of the service says; '' when there is none. */
  const read = async (path: string): Promise<string> =>
    (await engine().tryDocker(['exec', 'berth-watch-app-1', 'cat', path])).stdout;

  it('builds, starts, and does to the service what each file is to do', async () => {
    const child = spawn('docker', ['compose', '--ansi', 'never', 'up', '--build', '--watch'], where());
    watching = child;
    let told = '';
    for (const output of [child.stdout, child.stderr]) output.on('data', chunk => (told += String(chunk)));
    const seen = (what: string, probe: () => boolean | Promise<boolean>): Promise<unknown> =>
      eventually(what, probe, 60_000).catch(error => {
        throw new Error(`${error}\n${told}`);
      });
    await seen('compose watches', () => told.includes('Watch enabled'));
    await seen('it runs', async () => (await read('/was-started-with')) === 'one');
    const first = await id();
    expect(await read('/page/index')).toBe('page');

    await put({ 'page/index': 'new page', 'page/drafts/later': 'later', 'page/other': 'other' });
    await seen('what was saved is there', async () => (await read('/page/other')) === 'other');
    expect([await read('/page/index'), await read('/page/drafts/later'), await id()]).toEqual(['new page', '', first]);
    await rm(join(folder, 'page/other'));
    await seen('what was deleted is not', async () => (await read('/page/other')) === '');

    await put({ 'settings/name': 'two' });
    await seen('it has started again', async () => (await read('/was-started-with')) === 'two');
    expect(await id()).toBe(first);

    await put({ 'data/row': 'another row' });
    await seen('the command has run', async () => (await read('/loaded')) === 'another row');

    await put({ 'source/text': 'new source' });
    await seen('it was built anew', async () => (await read('/source/text')) === 'new source');
    expect(await id()).not.toBe(first);

    const ended = new Promise(resolve => child.once('exit', resolve));
    child.kill('SIGINT');
    await ended;
    expect(await id(), told).toBe('');
  });
});
