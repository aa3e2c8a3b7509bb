import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import type { NativeEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { accessProblems } from './axe.ts';
import { chromium, windowForTests } from './window-for-tests.ts';

describe.skipIf(!chromium)('images, volumes and networks in the window', () => {
  let page: Page;
  let engine: NativeEngine;
  let home: string;
  const { picture, row, see, visit } = windowForTests(async shown => {
    ({ page, engine, home } = shown);
    await engine.docker('pull', '-q', 'busybox');
    await engine.docker('run', '-d', '--name', 'shop-db', '--stop-signal', 'KILL', 'busybox', 'sleep', '600');
    await engine.tryDocker(['run', '--name', 'broken', 'busybox', 'sh', '-c', 'exit 3']);
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
      'echo one > /p/one; mkdir /p/in; echo two > /p/in/two; echo old > /p/in/old',
    );
    await visit('Volumes');
    await row('papers').click();
    const folder = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download in', exact: true }).click();
    expect((await folder).suggestedFilename()).toBe('in.tar');
    expect((await readFile(await (await folder).path())).toString('latin1')).toContain('in/two');
    await page.getByRole('button', { name: 'in', exact: true }).click();
    await page.getByRole('button', { name: 'Remove old', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByText('old', { exact: true }).waitFor({ state: 'detached' });
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

  test('a volume is backed up on a schedule and at once, and gets a backup back, also when it is gone', async () => {
    const folder = join(home, 'kept');
    const inLedger = (script: string): Promise<string> =>
      engine.docker('run', '--rm', '-v', 'ledger:/l', 'busybox', 'sh', '-c', script);
    await inLedger('echo first > /l/page');
    await visit('Volumes');
    await row('ledger').click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Back up on a schedule' }).click();
    await page.getByLabel('Folder').fill('not/absolute');
    await page.keyboard.press('Enter');
    await see(/is not the path of a folder/);
    await page.getByLabel('Folder').fill(folder);
    await page.getByLabel('How often').selectOption('6');
    await page.keyboard.press('Tab');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await row('ledger').getByText('soon').waitFor();
    await row('ledger').click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Back up on a schedule' }).click();
    await page.getByRole('button', { name: 'Back up now' }).click();
    await see(/^Backed up: /);
    await picture('backup');
    expect(await readdir(folder)).toEqual([expect.stringMatching(/^ledger_.*\.tar\.zst$/)]);
    await page.keyboard.press('Escape');
    const keeper = ['--name', 'keeper', '--stop-signal', 'KILL', '-v', 'ledger:/l'];
    await engine.docker('run', '-d', ...keeper, 'busybox', 'sleep', '600');
    await engine.docker('exec', 'keeper', 'sh', '-c', 'echo second > /l/page');
    await row('ledger').getByText('keeper').waitFor();
    await row('ledger').click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Restore a backup' }).click();
    await see(/started again after it: keeper/);
    await picture('restore');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Restore', exact: true }).click();
    await see('ledger has the files of its backup.');
    expect(await engine.docker('exec', 'keeper', 'cat', '/l/page')).toBe('first\n');
    expect((await readdir(folder)).length).toBe(2);
    await engine.docker('rm', '-f', 'keeper');
    await engine.docker('volume', 'rm', 'ledger');
    await row('ledger').getByText('Gone, with a backup').waitFor();
    await picture('volume-gone');
    await row('ledger').click();
    await see('The volume is gone.');
    await page.getByRole('button', { name: 'Restore', exact: true }).click();
    await row('ledger').getByText('unused').waitFor();
    expect(await inLedger('cat /l/page')).toBe('second\n'); // what was saved before the other one came back
    await row('ledger').click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Back up on a schedule' }).click();
    await page.getByRole('button', { name: 'Stop backing up' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await engine.docker('volume', 'rm', 'ledger');
  });

  test('several are started at once; images, volumes and networks are made and removed', async () => {
    await visit('Containers');
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
    await page.getByRole('button', { name: 'Create a volume' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('scratch');
    await page.keyboard.press('Enter');
    await row('scratch').focus();
    await page.keyboard.press('Delete');
    await page.getByLabel('Type scratch to confirm').fill('scratch');
    await page.keyboard.press('Enter');
    await row('scratch').waitFor({ state: 'detached' });
    await visit('Networks');
    await page.getByRole('button', { name: 'Create a network' }).first().click();
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
});
