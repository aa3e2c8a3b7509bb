import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import type { TestDashboard } from '../support/browser.ts';
import type { NativeEngine } from '../support/engine.ts';
import { accessProblems } from './axe.ts';
import { fillHarbour, lastInHarbour } from './harbour.ts';
import { cutOff, focused, unreachable } from './looks.ts';
import { chromium, windowForTests } from './window-for-tests.ts';

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

describe.skipIf(!chromium)('the dashboard in a browser', () => {
  let page: Page;
  let engine: NativeEngine;
  let dashboard: TestDashboard;
  const { picture, row, see, visit } = windowForTests(shown => {
    ({ page, engine, dashboard } = shown);
  });

  test('its address opens it once, and nobody else gets in', async () => {
    const { origin } = new URL(page.url());
    expect(page.url()).not.toMatch(/token|key/);
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

  test('the first load is small, and what users get', async () => {
    await see('No containers yet');
    const loaded = await page.evaluate<string[]>(
      `performance.getEntriesByType('resource').map(({ name }) => name).filter(name => /[.](js|css)$/.test(name))`,
    );
    const bodies = await Promise.all(loaded.map(async name => (await page.request.get(name)).body()));
    expect(bodies.length).toBeGreaterThan(2);
    expect(bodies.reduce((sum, body) => sum + gzipSync(body).length, 0)).toBeLessThan(600_000);
    // a development build names the file of every element
    expect(bodies.filter(body => body.includes('lineNumber:')).length).toBe(0);
  });

  test('what is empty says how to fill it', async () => {
    await see('No containers yet');
    expect(await accessProblems(page)).toEqual([]);
    for (const place of ['Overview', 'Compose', 'Images', 'Containers']) {
      await visit(place);
      await picture(`${place.toLowerCase()}-empty`);
    }
    await page.evaluate(`(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['x'], 'images.tar'));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    })()`);
    await see('Load images.tar');
    await page.keyboard.press('Escape');
  });

  test('what the command line does is seen at once, by project, with what it uses', async () => {
    const compose = ['--label', 'com.docker.compose.project=shop'];
    await engine.docker('pull', '-q', 'busybox');
    await engine.docker('volume', 'create', 'shop_data');
    const busy = ['-v', 'shop_data:/data', 'busybox', 'sh', '-c', 'while :; do :; done & sleep 600'];
    await engine.docker('run', '-d', '--name', 'shop-web', '--memory', '64m', '--cpus', '0.3', ...compose, ...busy);
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

  test('fifty containers run, and columns are where their user wants them', async () => {
    await fillHarbour(engine);
    await visit('Containers');
    await see(/^5\d of 5\d containers run/);
    const heads = async (): Promise<string[]> =>
      (await page.getByRole('columnheader').allInnerTexts()).filter(Boolean).map(text => text.split(' ')[0] ?? '');
    const usual = ['NAME', 'IMAGE', 'STATE', 'CPU', 'MEMORY', 'PORTS', 'CREATED'];
    expect((await heads()).filter(text => usual.includes(text))).toEqual(usual);
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByLabel('Image', { exact: true }).uncheck();
    const down = page.getByRole('button', { name: 'Move State down' });
    await down.focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter'); // the focus has gone with it
    await picture('columns');
    expect(await accessProblems(page)).toEqual([]);
    await page.keyboard.press('Escape');
    const chosen = ['NAME', 'CPU', 'MEMORY', 'STATE', 'PORTS', 'CREATED'];
    expect((await heads()).filter(text => usual.includes(text))).toEqual(chosen);
    await page.getByRole('columnheader', { name: 'Ports' }).dragTo(page.getByRole('columnheader', { name: 'CPU' }));
    const dragged = ['NAME', 'PORTS', 'CPU', 'MEMORY', 'STATE', 'CREATED'];
    expect((await heads()).filter(text => usual.includes(text))).toEqual(dragged);
    await page.reload();
    await row('billing-api').waitFor();
    expect((await heads()).filter(text => usual.includes(text))).toEqual(dragged);
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('button', { name: 'All columns, in their usual order' }).click();
    await page.keyboard.press('Escape');
    expect((await heads()).filter(text => usual.includes(text))).toEqual(usual);
  });

  test.each(['light', 'dark'] as const)(
    'every view is accessible: %s',
    async theme => {
      await page.emulateMedia({ colorScheme: theme });
      for (const place of places) {
        await visit(place);
        await page.getByRole('heading', { name: place, level: 1 }).waitFor();
        if (place === 'Volumes') await row('shop_data').waitFor();
        if (place === 'Compose') await see('alertmanager');
        if (place === 'Overview') await see('broken has ended: Exited (3)');
        if (place === 'Overview') await page.locator('.chart').first().waitFor();
        if (place === 'Troubleshoot' && theme === 'light')
          await page.getByText('Checking…').waitFor({ state: 'detached' });
        await picture(`${place.toLowerCase()}-${theme}`);
        // of all rules only this one knows colours
        const rules = theme === 'dark' ? ['color-contrast'] : undefined;
        expect(await accessProblems(page, rules), `${place} ${theme}`).toEqual([]);
      }
    },
    120_000,
  );

  test('a picture tells who can talk to whom', async () => {
    await visit('Networks');
    await page.getByRole('button', { name: 'Picture' }).click();
    const prometheus = page.getByRole('row').filter({ has: page.getByRole('link', { name: 'metrics-prometheus' }) });
    await prometheus.getByText(/^on billing_default 172/).waitFor({ state: 'attached' });
    expect(await prometheus.getByText(/^on \w+_default /).count()).toBe(4);
    await picture('networks-picture');
    expect(await accessProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'List' }).click();
  });

  test('every view is usable by keyboard alone', async () => {
    for (const place of places) {
      await page.keyboard.press('Control+k');
      await page.keyboard.type(`Go to ${place}`);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: place, level: 1 }).waitFor();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect(await unreachable(page), place).toEqual([]);
    }
  });

  test('in a long list the focus goes to its end and is not lost when others scroll', async () => {
    await visit('Containers');
    const grid = page.getByRole('grid');
    await grid.getByRole('row').nth(2).focus();
    await page.keyboard.press('End');
    await focused(page, lastInHarbour);
    await page.keyboard.press('k');
    await focused(page, 'vaultwarden');
    await page.evaluate(`document.querySelector('[role=grid]').scrollTop = 0`);
    await row('billing-api').waitFor();
    await focused(page, 'vaultwarden');
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    await focused(page, 'billing-api');
    await engine.docker('rm', '-f', 'billing-cache', lastInHarbour);
    await row('billing-cache').waitFor({ state: 'detached' });
    await focused(page, 'billing-api');
  });

  test('it speaks another language, and the palette goes anywhere', async () => {
    await visit('Settings');
    await page.getByLabel('Language').selectOption('de');
    await page.getByRole('heading', { name: 'Einstellungen' }).waitFor();
    await page.setViewportSize({ width: 900, height: 600 });
    for (const link of await page.locator('nav a').all()) {
      await link.click();
      await link.and(page.locator('[aria-current=page]')).waitFor();
      await picture(`${new URL(page.url()).pathname.slice(1)}-german`);
      expect(await cutOff(page), page.url()).toEqual([]);
    }
    await visit('Container');
    await row('billing-api').click(); // there is no room for the list beside it
    await row('billing-api').waitFor({ state: 'hidden' });
    await page.getByRole('tab', { name: 'Dateien' }).click();
    await page.getByRole('button', { name: 'etc', exact: true }).waitFor();
    await picture('files-german');
    expect(await cutOff(page)).toEqual([]);
    await page.getByRole('button', { name: 'Schließen' }).click();
    await row('billing-api').waitFor();
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.getByRole('link', { name: 'Einstellungen' }).click();
    await page.getByLabel('Sprache').selectOption('en');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('shop-db logs');
    await picture('palette');
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Logs' }).and(page.locator('[data-state=active]')).waitFor();
  });

  test('an engine that is away is told, and healed when it is back', async () => {
    await visit('Containers');
    await engine.docker('rm', '-f', 'shop-web', 'shop-db'); // stopping them would take ten seconds of grace
    await engine.end();
    await see(/The engine does not answer/);
    for (const place of ['Overview', 'Troubleshoot', 'Containers']) {
      await visit(place);
      await picture(`${place.toLowerCase()}-away`);
    }
    expect(await accessProblems(page)).toEqual([]);
    await engine.restart();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await engine.docker('run', '-d', '--name', 'after', 'busybox', 'sleep', '600');
    await page.getByRole('searchbox').fill('after');
    await row('after').getByText('Running').waitFor();
  });
});
