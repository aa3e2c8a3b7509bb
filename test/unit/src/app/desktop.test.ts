import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validateConfiguration } from 'app-builder-lib/out/util/config/config.js';
import { DebugLogger } from 'builder-util';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { pathOfDeepLink } from '../../../../contracts/desktop.ts';
import {
  type DesktopOptions,
  isWebAddress,
  type MenuEntry,
  type Port,
  runDesktop,
  type Shell,
  type WindowOptions,
} from '../../../../src/app/index.ts';

/** A desktop without a screen, that behaves: windows can be closed, menus chosen, a second instance started. */
function fakeShell(first = true) {
  const heard: string[] = [];
  const takers: Record<string, (value: never) => void> = {};
  const windows: WindowOptions[] = [];
  let menu: readonly MenuEntry[] = [];
  const shell: Shell = {
    becomeOnlyInstance: () => first,
    whenReady: async () => undefined,
    onSecondInstance: take => {
      takers.second = take as never;
    },
    onLink: take => {
      takers.link = take as never;
    },
    onActivate: take => {
      takers.activate = take as never;
    },
    onQuit: () => undefined,
    openWindow: options => {
      windows.push(options);
      return { show: () => void heard.push('show'), goTo: path => void heard.push(path) };
    },
    showTray: (_entries, tooltip) => void heard.push(`tray ${tooltip}`),
    showMenu: entries => {
      menu = entries;
    },
    openOutside: address => void heard.push(`outside ${address}`),
    quit: () => void heard.push('quit'),
  };
  return {
    shell,
    heard,
    windows,
    tell: (event: string, value?: unknown) => takers[event]?.(value as never),
    menu: () => menu,
  };
}

const options = (shell: Shell, more: Partial<DesktopOptions> = {}): DesktopOptions => ({
  ...{
    shell,
    page: 'index.html',
    preload: 'preload.cjs',
    args: [],
    bounds: { width: 1200, height: 800 },
    saveBounds: () => undefined,
  },
  servers: { calls: { about: () => ({ version: '1', home: '', dockerHost: '', platform: '' }) }, streams: {} } as never,
  ...more,
});

describe('the desktop program', () => {
  test('is one: another instance ends at once', async () => {
    const { shell, windows } = fakeShell(false);
    expect(await runDesktop(options(shell))).toBe(false);
    expect(windows).toEqual([]);
  });

  test('opens one window where it was, follows links, and opens another only when the first is closed', async () => {
    const { shell, windows, heard, tell } = fakeShell();
    const saved: unknown[] = [];
    await runDesktop(
      options(shell, { args: ['berth', 'berth://containers/abc/logs'], saveBounds: bounds => saved.push(bounds) }),
    );
    tell('second', ['--flag', 'berth://images']);
    tell('link', 'berth://evil/../settings');
    expect(windows).toHaveLength(1);
    expect(heard).toEqual(['tray Berth', 'show', '/containers/abc/logs', 'show', '/images', 'show']);
    windows[0]?.onBounds({ x: 5, y: 6, width: 1000, height: 700 });
    windows[0]?.onClosed();
    tell('activate');
    expect(windows).toHaveLength(2);
    expect(windows[1]?.bounds).toEqual({ x: 5, y: 6, width: 1000, height: 700 });
    expect(saved).toHaveLength(1);
  });

  test('serves the same bridge over a message port', async () => {
    const { shell, windows } = fakeShell();
    await runDesktop(options(shell));
    const posted: unknown[] = [];
    let take: (message: unknown) => void = () => undefined;
    const port: Port = {
      post: message => void posted.push(JSON.parse(String(message))),
      onMessage: taker => {
        take = taker;
      },
      onClose: () => undefined,
    };
    windows[0]?.onBridge(port);
    take(JSON.stringify({ type: 'call', id: 1, name: 'about', request: {} }));
    take({ type: 'call', id: 2 });
    await expect.poll(() => posted).toHaveLength(2);
    expect(posted[0]).toMatchObject({ type: 'item', id: 1, item: { version: '1' } });
  });

  test('lets only web addresses out, and only into the browser', async () => {
    const { shell, windows, heard } = fakeShell();
    await runDesktop(options(shell));
    for (const address of ['https://a.example/', 'file:///etc/passwd', 'javascript:alert(1)', 'no address'])
      windows[0]?.onAddress(address);
    expect(heard.filter(each => each.startsWith('outside'))).toEqual(['outside https://a.example/']);
    expect(isWebAddress('smb://host/share')).toBe(false);
  });

  test('has a key for every place', async () => {
    const { shell, menu, heard } = fakeShell();
    await runDesktop(options(shell));
    const go = menu().find(entry => entry.kind === 'menu' && entry.label === 'Go');
    const entries = go?.kind === 'menu' ? go.entries : [];
    for (const entry of entries) if (entry.kind === 'action') entry.run();
    expect(heard.filter(each => each.startsWith('/'))).toEqual([
      '/overview',
      '/containers',
      '/images',
      '/volumes',
      '/networks',
    ]);
  });
});

test.each([
  ['berth://containers', '/containers'],
  ['berth://containers/abc/terminal/', '/containers/abc/terminal'],
  ['berth://containers/a/b/c', undefined],
  ['berth://containers/../settings', undefined],
  ['berth://containers/a?run=evil', undefined],
  ['https://containers', undefined],
])('the link %s goes to %s', (link, path) => {
  // dots alone are no name
  expect(pathOfDeepLink(link)).toBe(path);
});

test('electron-builder finds nothing wrong with the packaging', async () => {
  const file = join(import.meta.dirname, '../../../../electron-builder.yml');
  const configuration = parse(readFileSync(file, 'utf8')) as object;
  await expect(validateConfiguration(configuration, new DebugLogger(false))).resolves.toBeUndefined();
  const wrong: object = { ...configuration, productNaem: 'x' };
  await expect(validateConfiguration(wrong, new DebugLogger(false))).rejects.toThrow('productNaem');
});
