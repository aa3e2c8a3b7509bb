import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { EventMessage } from '../../../../contracts/docker/events.ts';
import { AutostartFile, desktopTexts, NewsDesk, Updates, visibleBounds } from '../../../../src/app/index.ts';
import { FakeShell } from '../../../fakes/fake-shell.ts';

const screen = { x: 0, y: 0, width: 1920, height: 1080 };
const size = { width: 1000, height: 700 };

test.each([
  ['where it was', { x: 100, y: 50, ...size }, { x: 100, y: 50, ...size }],
  ['partly outside', { x: 1800, y: 900, ...size }, { x: 1800, y: 900, ...size }],
  ['on a screen that is gone', { x: 2500, y: 50, ...size }, size],
  ['with its title above the screen', { x: 100, y: -40, ...size }, size],
  ['never saved', undefined, { width: 1200, height: 800 }],
  ['torn', { x: 1, y: 1, width: 'wide', height: null }, { x: 1, y: 1, width: 1200, height: 800 }],
])('a window that was %s opens where it can be seen', (_what, saved, bounds) => {
  expect(visibleBounds(saved, [screen])).toEqual(bounds);
});

test('news are what went wrong, once in ten minutes for each container', () => {
  const desk = new NewsDesk();
  const event = (Action: string, id: string, minutes: number, exitCode?: string): EventMessage =>
    ({
      ...{ Type: 'container', Action, timeNano: minutes * 60e9 },
      Actor: { ID: id, Attributes: { name: `name-of-${id}`, ...(exitCode && { exitCode }) } },
    }) as unknown as EventMessage;
  const bodies = (...events: EventMessage[]) => events.map(each => desk.take(each, desktopTexts('en', 'de-AT'))?.body);
  expect(bodies(event('die', 'a', 0, '0'), event('die', 'a', 0, '137'), event('start', 'a', 0))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(bodies(event('oom', 'a', 0), event('die', 'a', 0, '1'), event('die', 'b', 1, '1'))).toEqual([
    'It ran out of memory.',
    undefined,
    'It has ended with exit code 1.',
  ]);
  expect(bodies(event('health_status: unhealthy', 'a', 9), event('health_status: unhealthy', 'a', 11))).toEqual([
    undefined,
    'It is unhealthy.',
  ]);
});

test('an update takes a step only when it is asked to', async () => {
  const shell = new FakeShell({ canUpdate: true });
  const states: string[] = [];
  const updates = new Updates(shell.updater(), () => states.push(updates.state.state));
  await updates.download();
  updates.install();
  await updates.check();
  expect([states, shell.heard]).toEqual([['checking', 'current'], []]);
  shell.newest = { version: '2.0.0', notes: 'Faster.' };
  await updates.check();
  expect(updates.state).toEqual({ state: 'available', version: '2.0.0', notes: 'Faster.' });
  updates.install();
  await Promise.all([updates.download(), updates.download()]);
  expect(states.slice(2)).toEqual(['checking', 'available', 'downloading', 'downloading', 'ready']);
  expect(shell.heard).toEqual(['download']);
  updates.install();
  expect(shell.heard).toEqual(['download', 'install']);
  const broken = new Updates(
    { ...shell.updater(), check: () => Promise.reject(new Error('no net')) } as never,
    () => undefined,
  );
  await broken.check();
  expect(broken.state).toEqual({ state: 'failed', reason: 'no net' });
  expect(new Updates(undefined, () => undefined).state).toEqual({ state: 'unsupported' });
});

test('Linux starts it at log-in by a file, and no longer without', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-config-'));
  try {
    const file = new AutostartFile({ XDG_CONFIG_HOME: folder }, '/opt/My "Berth"/berth');
    expect(file.isThere).toBe(false);
    file.put(true);
    expect(file.isThere).toBe(true);
    const text = readFileSync(join(folder, 'autostart', 'berth.desktop'), 'utf8');
    expect(text).toContain('Exec="/opt/My \\\\"Berth\\\\"/berth" --hidden\n');
    file.put(false);
    file.put(false);
    expect(file.isThere).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
