import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import type { NativeEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { chromium, windowForTests } from './window-for-tests.ts';

describe.skipIf(!chromium)('logs in the window', () => {
  let page: Page;
  let engine: NativeEngine;
  const { picture, row, see, visit } = windowForTests(async shown => {
    ({ page, engine } = shown);
    await engine.docker('pull', '-q', 'busybox');
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
});
