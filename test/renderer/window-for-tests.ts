import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { findChromium, launchBrowser, startDashboard, type TestDashboard } from '../support/browser.ts';
import { type NativeEngine, startNativeEngine } from '../support/engine.ts';
import { busyboxArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';
import { type Registry, startRegistry } from '../support/registry.ts';

/** Undefined where the tests of the window cannot run; the reason was printed. */
export const chromium = findChromium();
/** Pictures of every view, for people to look at. */
const pictures = process.env.BERTH_TEST_PICTURES ?? join(tmpdir(), 'berth-pictures');

/** What the window of a test stands on. */
export interface Shown {
  page: Page;
  engine: NativeEngine;
  dashboard: TestDashboard;
  /** BERTH_HOME, and the folder of the docker command's own settings. */
  home: string;
}

/**
 * A window in a browser, on an engine of its own that finds busybox in a registry, for the tests of the `describe` around it.
 * `use` is told when all of it is there. At the end nothing may have gone wrong in the page.
 */
export function windowForTests(use: (shown: Shown) => unknown) {
  let registry: Registry;
  let shown: Shown;
  let browser: Browser;
  const faults: string[] = [];

  beforeAll(async () => {
    const [started, home, launched] = await Promise.all([
      startRegistry(),
      mkdtemp(join(tmpdir(), 'berth-home-')),
      launchBrowser(chromium ?? ''),
      mkdir(pictures, { recursive: true }),
    ]);
    registry = started;
    browser = launched;
    const [engine] = await Promise.all([
      startNativeEngine({ 'registry-mirrors': [`http://${registry.host}`] }),
      busyboxArchive().then(archive => registry.push(archive, 'library/busybox:latest')),
    ]);
    const plugins = join(home, 'cli-plugins');
    await mkdir(plugins);
    const compose = join(await fetchPeer(), 'usr/libexec/docker/cli-plugins/docker-compose');
    await symlink(compose, join(plugins, 'docker-compose'));
    const context = ['context', 'create', 'other', '--docker', `host=unix://${engine.socket}`];
    await engine.tryDocker(context, { env: { DOCKER_CONFIG: home } });
    const PATH = [join(home, 'bin'), process.env.PATH].join(delimiter); // programs that a test puts there are found first
    const dashboard = await startDashboard(home, engine.socket, { env: { DOCKER_CONFIG: home, PATH } });
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
    page.setDefaultTimeout(15_000);
    page.on('pageerror', error => faults.push(String(error.stack)));
    page.on('console', message => void (message.type() === 'error' && faults.push(message.text())));
    await page.goto(await dashboard.newAddress());
    shown = { page, engine, dashboard, home };
    await use(shown);
  });

  afterAll(async () => {
    await browser?.close();
    const left = await shown?.engine.docker('ps', '-aq');
    if (left?.trim()) await shown.engine.docker('rm', '-f', ...left.trim().split('\n')); // stopping them takes ten seconds of grace
    await Promise.all([shown?.dashboard.stop(), shown?.engine.stop(), registry?.stop()]);
    if (shown) await rm(shown.home, { recursive: true, force: true });
    expect(faults.filter(fault => !fault.includes('WebSocket'))).toEqual([]);
  });

  return {
    picture: (name: string): Promise<Buffer> => shown.page.screenshot({ path: join(pictures, `${name}.png`) }),
    row: (name: string): Locator =>
      shown.page.getByRole('row').filter({ has: shown.page.getByText(name, { exact: true }) }),
    see: (text: string | RegExp): Promise<void> => shown.page.getByText(text).first().waitFor(),
    /** Within the application: the connection stays. The former view is shown until the code of the new one is there. */
    visit: async (place: string): Promise<void> => {
      const link = shown.page.getByRole('link', { name: place, exact: true });
      await link.click();
      await link.and(shown.page.locator('[aria-current=page]')).waitFor();
    },
  };
}
