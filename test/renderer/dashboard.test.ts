import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChromium, launchBrowser, startDashboard, type TestDashboard } from '../support/browser.ts';
import { type NativeEngine, startNativeEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { busyboxArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';
import { type Registry, startRegistry } from '../support/registry.ts';
import { accessProblems } from './axe.ts';

const chromium = findChromium();
/** Pictures of every view, for people to look at. */
const pictures = process.env.BERTH_TEST_PICTURES ?? join(tmpdir(), 'berth-pictures');

describe.skipIf(!chromium)('the dashboard in a browser', () => {
  let registry: Registry;
  let engine: NativeEngine;
  let home: string;
  let dashboard: TestDashboard;
  let browser: Browser;
  let page: Page;
  const faults: string[] = [];

  beforeAll(async () => {
    [registry, home] = await Promise.all([startRegistry(), mkdtemp(join(tmpdir(), 'berth-home-'))]);
    await registry.push(await busyboxArchive(), 'library/busybox:latest');
    await mkdir(pictures, { recursive: true });
    engine = await startNativeEngine({ 'registry-mirrors': [`http://${registry.host}`] });
    const plugins = join(home, 'cli-plugins');
    await mkdir(plugins);
    await symlink(
      join(await fetchPeer(), 'usr/libexec/docker/cli-plugins/docker-compose'),
      join(plugins, 'docker-compose'),
    );
    const context = ['context', 'create', 'other', '--docker', `host=unix://${engine.socket}`];
    await engine.tryDocker(context, { env: { DOCKER_CONFIG: home } });
    dashboard = await startDashboard(home, engine.socket, { env: { DOCKER_CONFIG: home } });
    browser = await launchBrowser(chromium ?? '');
    page = await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
    page.setDefaultTimeout(15_000);
    page.on('pageerror', error => faults.push(String(error.stack)));
    page.on('console', message => void (message.type() === 'error' && faults.push(message.text())));
    await page.goto(await dashboard.newAddress());
  });

  afterAll(async () => {
    await browser?.close();
    await dashboard?.stop();
    await engine?.stop();
    await registry?.stop();
    await rm(home, { recursive: true, force: true });
  });

  const picture = (name: string): Promise<Buffer> => page.screenshot({ path: join(pictures, `${name}.png`) });
  const row = (name: string) => page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) });
  const see = (text: string | RegExp): Promise<void> => page.getByText(text).first().waitFor();
  /** Within the application: the connection stays. */
  const visit = (place: string): Promise<void> => page.getByRole('link', { name: place, exact: true }).click();

  test('its address opens it once, and nobody else gets in', async () => {
    const { origin } = new URL(page.url());
    expect(page.url()).not.toContain('token');
    const bare = await fetch(`${origin}/containers`);
    expect([bare.status, await bare.text()]).toEqual([401, expect.stringContaining('berth dashboard')]);
    expect((await fetch(await dashboard.newAddress(), { redirect: 'manual' })).status).toBe(303);
    const cookies = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
    const upgrade = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    };
    const foreign = await page.request.get(`${origin}/bridge`, {
      headers: { ...upgrade, cookie: cookies, origin: 'http://evil.example' },
    });
    expect(foreign.status()).toBe(403);
  });

  test('what is empty says how to fill it', async () => {
    await see('No containers yet');
    await picture('containers-empty');
    expect(await accessProblems(page)).toEqual([]);
    await page.evaluate(`(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['x'], 'images.tar'));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    })()`);
    await see('Load images.tar');
    await page.keyboard.press('Escape');
  });

  test('an image is pulled, run, read, stopped and removed', async () => {
    await visit('Images');
    await page.getByRole('button', { name: 'Pull an image' }).first().click();
    await page.getByLabel('Image', { exact: true }).fill('busybox');
    await page.keyboard.press('Enter');
    await row('busybox').waitFor();
    await row('busybox').hover();
    await row('busybox').getByRole('button', { name: 'Run' }).click();
    await page.getByLabel('Name', { exact: true }).fill('greeter');
    await page.getByLabel('Command').fill('sh -c "echo hello from berth; sleep 600"');
    await page.getByLabel('Ports').fill('nonsense');
    await see('A line is not a port');
    await picture('run');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByLabel('Ports').fill('');
    await page.getByRole('dialog').getByRole('button', { name: 'Run' }).click();
    await page.getByRole('log').getByText('hello from berth').waitFor();
    await picture('logs');
    await row('greeter').focus();
    await page.keyboard.press('t');
    await page.getByRole('tab', { name: 'Terminal' }).and(page.locator('[data-state=active]')).waitFor();
    await page.getByRole('region', { name: 'Terminal in the container' }).getByText('/ #').first().waitFor();
    await page.keyboard.type('echo $((6*7))-$(stty size | cut -d" " -f1)\n');
    await page
      .getByText(/^42-\d\d$/)
      .first()
      .waitFor();
    await picture('terminal');
    await page.getByRole('button', { name: /^Debug shell/ }).click();
    await page.getByText('The files of the container: /proc/1/root').first().waitFor();
    await page.keyboard.type('ls /proc/1/root/etc\n');
    await picture('terminal-debug');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Close debug 2' }).click();
    await eventually(
      'its helper is gone',
      async () => (await engine.docker('ps', '-q')).trim().split('\n').length === 1,
    );
  });

  test('files go in and come out', async () => {
    await page.getByRole('tab', { name: 'Files' }).click();
    await page.getByRole('button', { name: 'tmp', exact: true }).click();
    await see('This folder is empty.');
    await page
      .locator('input[type=file]')
      .setInputFiles({ name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('from the browser') });
    await see('note.txt');
    expect(await engine.docker('exec', 'greeter', 'cat', '/tmp/note.txt')).toBe('from the browser');
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download note.txt' }).click();
    expect(await readFile(await (await download).path(), 'utf8')).toBe('from the browser');
    await page.getByRole('button', { name: 'note.txt', exact: true }).click();
    await page.getByRole('textbox', { name: '/tmp/note.txt' }).fill('changed in the browser');
    await page.keyboard.press('Control+s');
    await page.getByRole('button', { name: 'Save' }).and(page.locator(':disabled')).waitFor();
    await picture('file-editor');
    expect(await accessProblems(page)).toEqual([]);
    await page.keyboard.press('Escape');
    expect(await engine.docker('exec', 'greeter', 'cat', '/tmp/note.txt')).toBe('changed in the browser');
    await page.getByLabel('Path').fill('/tmp');
    await see('added');
    await picture('files');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Remove note.txt' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await see('This folder is empty.');
  });

  test('a volume goes out as a tar, comes back, is cloned and emptied', async () => {
    await engine.docker(
      'run',
      '--rm',
      '-v',
      'papers:/p',
      'busybox',
      'sh',
      '-c',
      'echo one > /p/one; mkdir /p/in; echo two > /p/in/two',
    );
    await visit('Volumes');
    await row('papers').click();
    await page.getByRole('button', { name: 'in', exact: true }).click();
    await see('two');
    await picture('volume-detail');
    expect(await accessProblems(page)).toEqual([]);
    const choose = async (name: string): Promise<void> => {
      await row('papers').click({ button: 'right' });
      await page.getByRole('menuitem', { name }).click();
    };
    const download = page.waitForEvent('download');
    await choose('Export as a tar');
    const tar = await readFile(await (await download).path());
    await choose('Clone');
    await page.getByLabel('Name', { exact: true }).fill('papers-2');
    await page.keyboard.press('Enter');
    await row('papers-2').waitFor();
    await choose('Empty');
    await page.getByLabel('Type papers to confirm').fill('papers');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const inside = (name: string) =>
      engine.docker('run', '--rm', '-v', `${name}:/p`, 'busybox', 'find', '/p', '-type', 'f');
    expect([await inside('papers'), (await inside('papers-2')).split('\n').sort()]).toEqual([
      '',
      ['', '/p/in/two', '/p/one'],
    ]);
    await page
      .getByLabel('Import a tar')
      .and(page.locator('input'))
      .first()
      .setInputFiles({ name: 'papers.tar', mimeType: 'application/x-tar', buffer: tar });
    await page.getByLabel('Name', { exact: true }).fill('papers');
    await page.keyboard.press('Enter');
    await see('papers has been imported.');
    expect((await inside('papers')).split('\n').sort()).toEqual(['', '/p/in/two', '/p/one']);
    await visit('Containers');
    // a last look into it may still be under way
    await eventually('nobody looks', () => engine.docker('volume', 'rm', '-f', 'papers', 'papers-2'));
  });

  test('the keyboard alone stops and removes it', async () => {
    await row('greeter').focus();
    await engine.docker('kill', 'greeter'); // so that stopping it takes no ten seconds of grace
    await row('greeter').getByText('Exited').waitFor();
    await page.keyboard.press('s');
    await row('greeter').getByText('Running').waitFor();
    await page.keyboard.press('Delete');
    await see('Remove container greeter?');
    await picture('remove');
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await see('No containers yet');
    expect(await engine.docker('ps', '-aq')).toBe('');
  });

  test('what the command line does is seen at once, by project, with what it uses', async () => {
    const compose = ['--label', 'com.docker.compose.project=shop'];
    await engine.docker('volume', 'create', 'shop_data');
    const busy = ['-v', 'shop_data:/data', 'busybox', 'sh', '-c', 'while :; do :; done & sleep 600'];
    await engine.docker('run', '-d', '--name', 'shop-web', '--memory', '64m', ...compose, ...busy);
    await engine.docker(
      'run',
      '-d',
      '--name',
      'shop-db',
      '--stop-signal',
      'KILL',
      ...compose,
      'busybox',
      'sleep',
      '600',
    );
    await engine.tryDocker(['run', '--name', 'broken', 'busybox', 'sh', '-c', 'exit 3']);
    await row('shop-web').waitFor();
    await row('broken').getByText('Exited').waitFor();
    await row('shop-web')
      .getByText(/^[1-9]\d*(\.\d)? %$/)
      .waitFor();
    await picture('containers');
    await page.getByRole('searchbox').fill('state:exited');
    await row('shop-web').waitFor({ state: 'detached' });
    await page.getByRole('searchbox').fill('');
    await row('shop-web').click();
    await page.getByRole('tab', { name: 'Statistics' }).click();
    await see(/Memory/);
    await page.getByText(/^CPU [1-9]/).waitFor();
    await picture('statistics');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByRole('tab', { name: 'Inspect' }).click();
    await see('HostConfig');
    await picture('inspect');
    await page.getByRole('button', { name: 'Close' }).click();
  });

  test('a container is made anew with other settings, which are shown before', async () => {
    await row('shop-db').click();
    await page.getByRole('tab', { name: 'Edit' }).click();
    await page.getByLabel('Environment').fill('MODE=test');
    await page.getByLabel('Memory limit (MiB)').fill('2');
    await see('Not a number that can be.');
    await page.getByLabel('Memory limit (MiB)').fill('48');
    await page.getByRole('cell', { name: 'MODE=test' }).waitFor();
    await picture('edit');
    expect(await accessProblems(page)).toEqual([]);
    const before = await engine.docker('inspect', '-f', '{{.Id}}', 'shop-db');
    await page.getByRole('button', { name: 'Re-create' }).click();
    await page
      .getByRole('tab', { name: 'Overview' })
      .and(page.locator('[data-state=active]'))
      .waitFor({ timeout: 30_000 });
    const told =
      '{{.HostConfig.Memory}} {{.Config.Env}} {{.State.Status}} {{index .Config.Labels "com.docker.compose.project"}}';
    expect(await engine.docker('inspect', '-f', told, 'shop-db')).toMatch(/^50331648 \[MODE=test .*\] running shop/);
    expect(await engine.docker('inspect', '-f', '{{.Id}}', 'shop-db')).not.toBe(before);
    expect(await engine.docker('ps', '-a', '--format', '{{.Names}}')).not.toMatch(/\.(old|new)/);
    await page.getByRole('button', { name: 'Close' }).click();
  });

  test('several are started at once; images, volumes and networks are made and removed', async () => {
    await page.getByLabel('Select shop-db').check();
    await page.getByLabel('Select broken').check();
    await page.getByRole('toolbar').getByRole('button', { name: 'Start', exact: true }).click();
    await row('broken').getByText('Exited').waitFor();
    await page.getByLabel('Select shop-db').uncheck();
    await page.getByLabel('Select broken').uncheck();
    await visit('Images');
    await row('busybox').hover();
    await row('busybox').getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Tag' }).click();
    await page.getByLabel('New name').fill('mine:1');
    await page.keyboard.press('Enter');
    await row('mine').click();
    await see('made for the tests');
    await picture('image-detail');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByRole('tab', { name: 'Files of the layers' }).click();
    await see(/[1-9]\d* added, 0 changed, 0 removed/);
    await page.getByRole('searchbox', { name: 'Search files' }).fill('busybox');
    await see('/bin/busybox');
    await picture('image-files');
    expect(await accessProblems(page)).toEqual([]);
    await row('mine').focus();
    await page.keyboard.press('Delete');
    await row('mine').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).click();
    await row('mine').focus();
    await page.keyboard.press('Delete');
    await row('mine').waitFor({ state: 'detached' });
    await visit('Volumes');
    await page.getByRole('button', { name: 'Create a volume' }).click();
    await page.getByLabel('Name', { exact: true }).fill('scratch');
    await page.keyboard.press('Enter');
    await row('scratch').focus();
    await page.keyboard.press('Delete');
    await page.getByLabel('Type scratch to confirm').fill('scratch');
    await page.keyboard.press('Enter');
    await row('scratch').waitFor({ state: 'detached' });
    await visit('Networks');
    await page.getByRole('button', { name: 'Create a network' }).click();
    await page.getByLabel('Name', { exact: true }).fill('shop_net');
    await page.keyboard.press('Enter');
    await engine.docker('network', 'connect', 'shop_net', 'shop-db');
    await row('shop_net').click();
    await page.getByText('shop-db').waitFor();
    await picture('network-detail');
    expect(await accessProblems(page)).toEqual([]);
    await engine.docker('network', 'disconnect', 'shop_net', 'shop-db');
    await row('shop_net').click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Remove' }).click();
    await row('shop_net').waitFor({ state: 'detached' });
  });

  test('a build is followed step by step, and what it left is pruned', async () => {
    const context = await mkdtemp(join(home, 'context-'));
    await writeFile(
      join(context, 'Dockerfile'),
      'FROM busybox\nRUN echo from the builder\nRUN echo compiling && false\n',
    );
    await visit('Builds');
    await see('No builds yet');
    await page.getByLabel('Build a folder').and(page.locator('input')).first().setInputFiles(context);
    await page.getByRole('dialog').getByRole('button', { name: 'Build a folder' }).click();
    await row('Dockerfile').getByText('Failed').waitFor();
    await row('Dockerfile').click();
    await see('did not complete successfully: exit code: 1');
    await page.getByText('[2/3] RUN echo from the builder').click();
    await see('from the builder');
    await picture('build-failed');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByRole('tab', { name: 'Dockerfile' }).click();
    await page.getByRole('textbox', { name: 'Dockerfile' }).waitFor();
    await writeFile(join(context, 'Dockerfile'), 'FROM busybox\nRUN echo from the builder\nRUN touch /done\n');
    await engine.docker('build', '-q', '-t', 'built:1', context);
    await row('built:1').click();
    await see('Done, 4 of 4 steps, 2 from the cache');
    await page.getByRole('button', { name: 'Build cache' }).click();
    await see('RUN touch /done');
    await picture('build-cache');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Empty the cache' }).click();
    await page.getByLabel('Also what images have').check();
    await page.keyboard.press('Enter');
    await see('The build cache is empty');
    await engine.docker('rmi', 'built:1');
  });

  test('a compose project is opened, edited with checks, brought up, read and taken down', async () => {
    const file = join(home, 'compose.yaml');
    const service = (name: string) =>
      `  ${name}:\n    image: busybox\n    stop_signal: KILL\n    command: sh -c 'echo ${name} is here; sleep 600'\n`;
    await writeFile(file, `name: harbour\nservices:\n${service('quay')}`);
    await visit('Compose');
    await page.getByRole('button', { name: 'Open a file' }).first().click();
    await page.getByLabel('Path').fill(file);
    await page.keyboard.press('Enter');
    await see('Valid: 1 service');
    const editor = page.getByRole('textbox', { name: file });
    await editor.fill('services: [');
    await see(/did not find expected|yaml: /);
    await picture('compose-invalid');
    expect(await accessProblems(page)).toEqual([]);
    await editor.fill(`name: harbour\nservices:\n${service('quay')}${service('crane')}`);
    await see('Valid: 2 services');
    await page.getByRole('button', { name: 'Save and up' }).click();
    await row('harbour').getByText('2 of 2 run').waitFor({ timeout: 40_000 });
    await page.getByRole('tab', { name: 'Logs' }).click();
    await page.getByRole('log').getByText('crane is here').waitFor();
    await page.getByRole('log').getByText('quay is here').waitFor();
    await picture('compose-logs');
    expect(await accessProblems(page)).toEqual([]);
    await row('harbour').click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Down' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Down' }).click();
    await row('harbour').getByText('Not there').waitFor({ timeout: 40_000 });
    await page.getByRole('tab', { name: 'Output' }).click();
    await see(/Container harbour-crane-1\s+Removed/);
  });

  test('another engine is shown in the same window, by its context', async () => {
    await visit('Engines');
    await row('other').click();
    await page.getByRole('heading', { name: 'Containers', level: 1 }).waitFor();
    await page.locator('.engine-name').getByText('other').waitFor();
    await row('shop-web').waitFor();
    await visit('Engines');
    await row('other').getByText('Shown').waitFor();
    await picture('engines');
    expect(await accessProblems(page)).toEqual([]);
    await row('Berth').click();
    await page.locator('.engine-name').waitFor({ state: 'detached' });
    await row('shop-web').waitFor();
  });

  test.each(['light', 'dark'] as const)('every view is accessible: %s', async theme => {
    await page.emulateMedia({ colorScheme: theme });
    const places = [
      'Overview',
      'Containers',
      'Compose',
      'Images',
      'Volumes',
      'Networks',
      'Builds',
      'Settings',
      'Troubleshoot',
    ];
    for (const place of places) {
      await visit(place);
      await page.getByRole('heading', { name: place, level: 1 }).waitFor();
      if (place === 'Volumes') await row('shop_data').waitFor();
      if (place === 'Overview') await see('broken has ended: Exited (3)');
      await picture(`${place.toLowerCase()}-${theme}`);
      expect(await accessProblems(page), `${place} ${theme}`).toEqual([]);
    }
  });

  test('it speaks another language, and the palette goes anywhere', async () => {
    await visit('Settings');
    await page.getByLabel('Language').selectOption('de');
    await page.getByRole('heading', { name: 'Einstellungen' }).waitFor();
    await picture('settings-german');
    await page.getByLabel('Sprache').selectOption('en');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('shop-db logs');
    await picture('palette');
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Logs' }).and(page.locator('[data-state=active]')).waitFor();
  });

  test('a long log scrolls to its first line, is searched and followed', async () => {
    const lines = 200_000;
    await engine.docker('run', '--name', 'talker', '--log-opt', 'max-size=-1', 'busybox', 'seq', String(lines));
    await visit('Containers');
    await row('talker').focus();
    await page.keyboard.press('l');
    await page.getByLabel('How much of the log').selectOption('all');
    await eventually('all lines are there', () => page.getByText('200,000 lines').isVisible(), 40_000);
    const log = page.getByRole('log');
    await log.getByText(String(lines), { exact: true }).waitFor();
    // However long it is, the page holds what is seen of it.
    const most = await page.evaluate<number>(`(async () => {
      const box = document.querySelector('[role=log]');
      let most = 0;
      for (let step = 0; step < 60; step++) {
        box.scrollTop = (box.scrollHeight * step) / 60;
        await new Promise(requestAnimationFrame);
        most = Math.max(most, box.getElementsByTagName('*').length);
      }
      box.scrollTop = 0;
      return most;
    })()`);
    expect(most).toBeLessThan(2000);
    await log.getByText('1', { exact: true }).waitFor();
    await page.getByLabel('Search the log (regular expression)').fill('^1(23456|9999.)$');
    await see(/ of 11$/);
    await picture('log-search');
  });

  test('an engine that is away is told, and healed when it is back', async () => {
    await visit('Containers');
    await engine.docker('rm', '-f', 'shop-web', 'shop-db'); // stopping them would take ten seconds of grace
    await engine.end();
    await see(/The engine does not answer/);
    await picture('engine-away');
    await engine.restart();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await engine.docker('run', '-d', '--name', 'after', 'busybox', 'sleep', '600');
    await row('after').getByText('Running').waitFor();
  });

  test('nothing went wrong on the way', async () => {
    await engine.docker('rm', '-f', ...(await engine.docker('ps', '-aq')).trim().split('\n'));
    expect(faults.filter(fault => !fault.includes('WebSocket'))).toEqual([]);
  });
});
