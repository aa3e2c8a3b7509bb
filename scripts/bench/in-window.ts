import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { findChromium, launchBrowser, startDashboard } from '../../test/support/browser.ts';
import { type NativeEngine, startNativeEngine } from '../../test/support/engine.ts';
import { busyboxArchive } from '../../test/support/images.ts';
import type { Row } from './numbers.ts';

/** A browser on the dashboard of an engine of its own, in which `talker` writes to its log. */
export interface ShownWindow {
  engine: NativeEngine;
  browser: Browser;
  page: Page;
}

/** Measures a window, in which `talk` runs in a shell; `prepare` has the page before it is opened. No rows without Chromium. */
export async function inWindow(
  talk: string,
  measure: (shown: ShownWindow) => Promise<Row[]>,
  prepare: (page: Page) => Promise<unknown> = async () => undefined,
): Promise<Row[]> {
  const chromium = findChromium();
  if (!chromium) return [];
  const engine = await startNativeEngine();
  const home = await mkdtemp(join(tmpdir(), 'berth-home-'));
  const dashboard = await startDashboard(home, engine.socket);
  const browser = await launchBrowser(chromium);
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await prepare(page);
    await page.goto(await dashboard.newAddress());
    await engine.docker('load', '-i', await busyboxArchive());
    await engine.docker('run', '-d', '--name', 'talker', 'busybox', 'sh', '-c', talk);
    return await measure({ engine, browser, page });
  } finally {
    await browser.close();
    await engine.docker('rm', '-f', 'talker');
    await dashboard.stop();
    await engine.stop();
    await rm(home, { recursive: true, force: true });
  }
}
