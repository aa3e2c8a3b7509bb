import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import type { NativeEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { accessProblems } from './axe.ts';
import { chromium, windowForTests } from './window-for-tests.ts';

describe.skipIf(!chromium)('builds and compose in the window', () => {
  let page: Page;
  let engine: NativeEngine;
  let home: string;
  const { picture, row, see, visit } = windowForTests(async shown => {
    ({ page, engine, home } = shown);
    await engine.docker('pull', '-q', 'busybox');
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

  test('a file that only labels name is used once its user has said yes', async () => {
    const file = join(home, 'labelled.yaml');
    await writeFile(file, 'name: ghost\nservices:\n  ship:\n    image: busybox\n    command: "true"\n');
    const labels = { project: 'ghost', 'project.config_files': file, 'project.working_dir': home, service: 'old' };
    const words = Object.entries(labels).flatMap(([name, value]) => ['--label', `com.docker.compose.${name}=${value}`]);
    await engine.docker('create', '--name', 'old', ...words, 'busybox', 'true');
    await visit('Compose');
    const up = async (): Promise<void> => {
      await row('ghost').click({ button: 'right' });
      await page.getByRole('menuitem', { name: 'Up', exact: true }).click();
    };
    await up();
    await see('Use the file of ghost?');
    await see(file);
    await picture('compose-trust');
    await page.keyboard.press('Escape');
    expect((await engine.docker('ps', '-a', '--format', '{{.Names}}')).trim()).toBe('old');
    await up();
    await page.getByRole('dialog').getByRole('button', { name: 'Up' }).click();
    await eventually('it is up', async () => (await engine.docker('ps', '-a')).includes('ghost-ship-1'), 40_000);
  });
});
