import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { mountsBelow, reset } from '../../../../src/command-line/reset.ts';
import type { Surroundings } from '../../../../src/command-line/surroundings.ts';
import { acquireLock } from '../../../../src/machine/index.ts';
import { homeAt } from '../../../../src/settings/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-reset-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function filledHome(): Surroundings {
  const home = homeAt(folder);
  for (const place of [home.machine, home.native, home.images]) mkdirSync(join(place, 'deep'), { recursive: true });
  writeFileSync(join(home.machine, 'data.qcow2'), 'containers');
  writeFileSync(join(home.native, 'deep', 'layer'), 'images');
  writeFileSync(home.settings, '{}');
  return { home, env: process.env, project: folder, arch: 'amd64', print: () => undefined, tell: () => undefined };
}

test('a reset takes what the engines kept, and leaves settings and the machine image', async () => {
  const around = filledHome();
  await reset(around);
  const { home } = around;
  expect([join(home.machine, 'data.qcow2'), home.native].map(path => existsSync(path))).toEqual([false, false]);
  expect([home.settings, home.images].map(path => existsSync(path))).toEqual([true, true]);
});

test('a reset beside a running machine removes nothing', async () => {
  const around = filledHome();
  const lock = await acquireLock(around.home.machine);
  await expect(reset(around)).rejects.toThrow('is run by another berth program');
  await lock.release();
  expect(existsSync(join(around.home.machine, 'data.qcow2'))).toBe(true);
});

test('what is mounted below a folder is found, whatever it is called', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'berth-mounts-')), 'mountinfo');
  const line = (place: string): string => `22 1 0:2 / ${place} rw shared:1 - tmpfs tmpfs rw`;
  writeFileSync(file, ['/', '/data/native/x', '/data/native-other', '/my\\040data/y'].map(line).join('\n'));
  expect(mountsBelow('/data/native', file)).toEqual(['/data/native/x']);
  expect(mountsBelow('/my data', file)).toEqual(['/my data/y']);
  rmSync(join(file, '..'), { recursive: true });
});
