import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Configuration } from 'app-builder-lib';
import { validateConfiguration } from 'app-builder-lib/out/util/config/config.js';
import { DebugLogger } from 'builder-util';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { MachineView } from '../../../../contracts/bridge.ts';
import { defaultDesktopPreferences, pathOfDeepLink } from '../../../../contracts/desktop.ts';
import type { EventMessage } from '../../../../contracts/docker/events.ts';
import { type DesktopOptions, isWebAddress, runDesktop, type Shell } from '../../../../src/app/index.ts';
import { choose, FakeShell, fakePort } from '../../../fakes/fake-shell.ts';

const options = (shell: Shell, more: Partial<DesktopOptions> = {}): DesktopOptions => {
  const usual: DesktopOptions = {
    ...{ shell, preload: 'preload.cjs', args: [], bounds: undefined, preferences: defaultDesktopPreferences },
    saveBounds: () => undefined,
    savePreferences: () => undefined,
    watchMachine: () => undefined,
    watchEvents: () => undefined,
    startEngine: async () => undefined,
    servers: { calls: { about: () => ({ version: '1' }) }, streams: {} } as never,
  };
  return Object.assign(usual, more);
};

const died = (id: string, exitCode: string, seconds = 0): EventMessage =>
  ({
    ...{ Type: 'container', Action: 'die', Actor: { ID: id, Attributes: { name: 'web', exitCode } } },
    timeNano: seconds * 1e9,
  }) as unknown as EventMessage;

describe('the desktop program', () => {
  test('is one: another instance ends at once', async () => {
    const shell = new FakeShell({ first: false });
    expect(await runDesktop(options(shell))).toBe(false);
    expect(shell.windows).toEqual([]);
  });

  test('opens one window where it was, follows links, and opens another only when the first is closed', async () => {
    const shell = new FakeShell();
    const saved: unknown[] = [];
    await runDesktop(
      options(shell, { args: ['berth', 'berth://containers/abc/logs'], saveBounds: bounds => saved.push(bounds) }),
    );
    shell.happen('second', ['--flag', 'berth://images']);
    shell.happen('link', 'berth://evil/../settings');
    expect(shell.windows).toHaveLength(1);
    expect(shell.heard).toEqual(['tray Berth', 'show', '/containers/abc/logs', 'show', '/images', 'show']);
    shell.windows[0]?.onBounds({ x: 5, y: 6, width: 1000, height: 700 });
    shell.windows[0]?.onClosed();
    shell.happen('activate');
    expect(shell.windows).toHaveLength(2);
    expect(shell.windows[1]?.bounds).toEqual({ x: 5, y: 6, width: 1000, height: 700 });
    expect(saved).toHaveLength(1);
  });

  test('serves the same bridge over a message port, and what is its own', async () => {
    const shell = new FakeShell({ canUpdate: true });
    const kept: unknown[] = [];
    await runDesktop(options(shell, { savePreferences: preferences => kept.push(preferences) }));
    const { port, posted, send } = fakePort();
    shell.windows[0]?.onBridge(port);
    send({ type: 'call', id: 1, name: 'about', request: {} });
    send({ type: 'open', id: 2, name: 'desktop', request: {} });
    await expect.poll(() => posted).toHaveLength(3);
    expect(posted).toContainEqual({ type: 'item', id: 1, item: { version: '1' } });
    const view = { ...defaultDesktopPreferences, startsAtLogin: false, update: { state: 'unknown' } };
    expect(posted).toContainEqual({ type: 'item', id: 2, item: view });
    send({ type: 'call', id: 3, name: 'changeDesktop', request: { startsAtLogin: true, notifications: false } });
    const now = { ...view, startsAtLogin: true, notifications: false };
    await expect.poll(() => posted).toContainEqual({ type: 'item', id: 2, item: now });
    expect([shell.atLogin, kept]).toEqual([true, [{ notifications: false, looksForUpdates: false }]]);
  });

  test('started at log-in it stays in the tray and starts the engine; what fails is told', async () => {
    const shell = new FakeShell();
    const startEngine = (): Promise<void> => Promise.reject(new Error('no QEMU'));
    await runDesktop(options(shell, { args: ['berth', '--hidden'], startEngine }));
    await expect.poll(() => shell.told).toHaveLength(1);
    expect(shell.windows).toEqual([]);
    expect(shell.told[0]?.news.body).toBe('no QEMU');
    shell.told[0]?.chosen();
    expect(shell.heard.slice(-2)).toEqual(['show', '/diagnose']);
  });

  test('tells what ended badly, unless its user wants to hear nothing', async () => {
    const shell = new FakeShell();
    let happen: (event: EventMessage) => void = () => undefined;
    const watchEvents: DesktopOptions['watchEvents'] = take => {
      happen = take;
    };
    await runDesktop(options(shell, { watchEvents }));
    happen(died('a', '3'));
    expect(shell.told.map(({ news }) => news)).toEqual([
      { title: 'web', body: 'It has ended with exit code 3.', path: '/containers/a/logs' },
    ]);
    shell.told[0]?.chosen();
    expect(shell.heard.at(-1)).toBe('/containers/a/logs');
    await runDesktop(
      options(shell, { watchEvents, preferences: { ...defaultDesktopPreferences, notifications: false } }),
    );
    happen(died('b', '3'));
    expect(shell.told).toHaveLength(1);
  });

  test('says in the tray how the engine is, and starts it from there', async () => {
    const shell = new FakeShell();
    let started = 0;
    let tell: (machine: MachineView) => void = () => undefined;
    const watchMachine: DesktopOptions['watchMachine'] = take => {
      tell = take;
    };
    const startEngine = async (): Promise<void> => void started++;
    await runDesktop(options(shell, { watchMachine, startEngine }));
    tell({ mode: null, status: 'stopped', detail: '' });
    choose(shell.tray, 'Start');
    expect([started, shell.heard.at(-1)]).toEqual([1, 'tray Berth: stopped']);
    tell({ mode: 'machine', status: 'starting', detail: 'kernel' });
    expect(shell.tray[0]).toMatchObject({ label: 'Engine starting: kernel', enabled: false });
    tell({ mode: 'machine', status: 'running', detail: '' });
    choose(shell.tray, 'Stop or restart…');
    expect(shell.heard.at(-1)).toBe('/diagnose');
  });

  test('a page that crashed is loaded again, but not for ever', async () => {
    const shell = new FakeShell();
    await runDesktop(options(shell));
    shell.windows[0]?.onCrashed();
    shell.windows[0]?.onCrashed();
    expect(shell.heard.filter(each => each === 'reload')).toHaveLength(1);
  });

  test('lets only web addresses out, and only into the browser', async () => {
    const shell = new FakeShell();
    await runDesktop(options(shell));
    for (const address of ['https://a.example/', 'file:///etc/passwd', 'javascript:alert(1)', 'no address'])
      shell.windows[0]?.onAddress(address);
    expect(shell.heard.filter(each => each.startsWith('outside'))).toEqual(['outside https://a.example/']);
    expect(isWebAddress('smb://host/share')).toBe(false);
  });

  test('has a key for every place', async () => {
    const shell = new FakeShell();
    await runDesktop(options(shell));
    const go = shell.menu.find(entry => entry.kind === 'menu' && entry.label === 'Go');
    const entries = go?.kind === 'menu' ? go.entries : [];
    for (const entry of entries) if (entry.kind === 'action') entry.run();
    expect(shell.heard.filter(each => each.startsWith('/'))).toEqual([
      '/overview',
      '/containers',
      '/compose',
      '/images',
      '/volumes',
      '/networks',
      '/builds',
      '/engines',
    ]);
  });

  test('speaks as its window does, and before there was one as the system does', async () => {
    const shell = new FakeShell();
    shell.language = 'de-AT';
    const kept: unknown[] = [];
    let happen: (event: EventMessage) => void = () => undefined;
    await runDesktop(
      options(shell, {
        savePreferences: preferences => kept.push(preferences),
        watchMachine: take => take({ mode: 'machine', status: 'running', detail: '' }),
        watchEvents: take => {
          happen = take;
        },
      }),
    );
    const labels = (): unknown[] => shell.menu.map(entry => (entry.kind === 'separator' ? '' : entry.label));
    expect(labels()).toEqual(['Berth', 'Bearbeiten', 'Gehe zu', 'Ansicht', 'Fenster']);
    expect([shell.heard.at(-2), shell.tray[0]]).toEqual([
      'tray Berth: läuft',
      expect.objectContaining({ label: 'Engine läuft' }),
    ]);
    happen(died('a', '3'));
    expect(shell.told[0]?.news.body).toBe('Er ist mit Exit-Code 3 beendet.');
    const { port, posted, send } = fakePort();
    shell.windows[0]?.onBridge(port);
    send({ type: 'call', id: 1, name: 'changeDesktop', request: { language: 'en' } });
    await expect.poll(() => posted).toContainEqual({ type: 'item', id: 1, item: {} });
    expect(labels()).toEqual(['Berth', 'Edit', 'Go', 'View', 'Window']);
    expect([shell.heard.at(-1), kept]).toEqual([
      'tray Berth: running',
      [{ ...defaultDesktopPreferences, language: 'en' }],
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

const project = join(import.meta.dirname, '../../../..');

test('electron-builder finds nothing wrong with the packaging', async () => {
  const configuration = parse(readFileSync(join(project, 'electron-builder.yml'), 'utf8')) as Configuration;
  await expect(validateConfiguration(configuration, new DebugLogger(false))).resolves.toBeUndefined();
  const wrong: object = { ...configuration, productNaem: 'x' };
  await expect(validateConfiguration(wrong, new DebugLogger(false))).rejects.toThrow('productNaem');
  const packages = (['mac', 'win', 'linux'] as const).flatMap(system =>
    [configuration[system]?.target].flat().flatMap(each => {
      const { target = '', arch } = typeof each === 'object' && each !== null ? each : {};
      return [arch].flat().map(processor => `${target} ${processor}`);
    }),
  );
  for (const name of ['dmg', 'nsis', 'AppImage', 'deb', 'rpm'])
    expect(packages).toEqual(expect.arrayContaining([`${name} arm64`, `${name} x64`]));
  const named = [configuration.mac?.entitlements, configuration.mac?.entitlementsInherit];
  expect(named.map(file => existsSync(join(project, String(file))))).toEqual([true, true]);
});

test('what is packed runs: every folder that the command line imports from is in the package', () => {
  const { files } = parse(readFileSync(join(project, 'electron-builder.yml'), 'utf8')) as { files: string[] };
  const packed = files.filter(name => name.endsWith('/**')).map(name => name.slice(0, -3));
  const sources = packed.flatMap(folder =>
    existsSync(join(project, folder))
      ? readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' })
          .filter(name => name.endsWith('.ts'))
          .map(name => join(folder, name))
      : [],
  );
  const imported = sources.flatMap(file => {
    const found = readFileSync(join(project, file), 'utf8').matchAll(/from '(\.[^']+\.ts)'|import\('(\.[^']+\.ts)'\)/g);
    return [...found].map(match => join(dirname(file), match[1] ?? match[2] ?? ''));
  });
  expect(imported.length).toBeGreaterThan(100);
  expect(
    imported.filter(file => !packed.some(folder => file.startsWith(`${folder}/`)) && !file.startsWith('test/')),
  ).toEqual([]);
  for (const name of ['bin/berth', 'bin/berth.cmd']) expect(existsSync(join(project, name))).toBe(true);
});
