import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import type { NativeEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { accessProblems } from './axe.ts';
import { chromium, windowForTests } from './window-for-tests.ts';

describe.skipIf(!chromium)('containers in the window', () => {
  let page: Page;
  let engine: NativeEngine;
  const { picture, row, see, visit } = windowForTests(shown => {
    ({ page, engine } = shown);
  });

  test('an image is pulled, run, read, stopped and removed', async () => {
    await visit('Images');
    await page.getByRole('button', { name: 'Pull an image' }).first().click();
    await page.getByLabel('Image', { exact: true }).waitFor();
    await picture('pull');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByLabel('Image', { exact: true }).fill('busybox:');
    await see('1 tag');
    await page.getByLabel('Image', { exact: true }).fill('busybox:lat');
    await page.getByRole('button', { name: 'latest' }).waitFor();
    await picture('pull-tags');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'latest' }).click();
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

  test('files of a container that stands still are deleted, too', async () => {
    await engine.docker('exec', 'greeter', 'sh', '-c', 'mkdir -p /tmp/old/er && touch /tmp/old/er/file');
    await engine.docker('kill', 'greeter');
    await row('greeter').getByText('Exited').waitFor();
    await page.getByRole('button', { name: 'Remove old' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await see('This folder is empty.');
    expect(await engine.docker('diff', 'greeter')).not.toContain('old');
    await engine.docker('start', 'greeter');
    await row('greeter').getByText('Running').waitFor();
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

  test('a container is made anew with other settings, which are shown before', async () => {
    const labels = ['--label', 'com.docker.compose.project=shop', '--stop-signal', 'KILL'];
    await engine.docker('run', '-d', '--name', 'shop-db', ...labels, 'busybox', 'sleep', '600');
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

  test('work that failed is begun again from its task', async () => {
    await visit('Images');
    await page.getByRole('button', { name: 'Pull an image' }).first().click();
    await page.getByLabel('Image', { exact: true }).fill('localhost:1/nosuch:1');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: /^Tasks/ }).click();
    const again = page.getByRole('button', { name: 'Try again' });
    await again.waitFor();
    await picture('tasks');
    expect(await accessProblems(page)).toEqual([]);
    await again.click();
    await page.getByRole('region', { name: 'It did not work' }).getByText('Pull localhost:1/nosuch:1').nth(1).waitFor();
    await again.waitFor();
    expect(await again.count()).toBe(1);
  });

  test('a long log scrolls to its first line, is searched and followed', async () => {
    const lines = 200_000;
    await engine.docker('run', '--name', 'talker', 'busybox', 'seq', String(lines));
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
});
