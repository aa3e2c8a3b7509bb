import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLog } from '../../../base/log.ts';
import { putOffDone } from '../../../base/put-off.ts';
import { ReadyFolders } from '../../../base/ready-folders.ts';

let parent: string;
const said: string[] = [];
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'berth-ready-'));
  said.length = 0;
});
afterEach(() => rmSync(parent, { recursive: true }));

const names = (): string[] => readdirSync(parent).sort();
const three = (fill: (folder: string) => void = folder => writeFileSync(join(folder, 'file'), '')): ReadyFolders =>
  new ReadyFolders(parent, { fill, mode: 0o710, log: createLog({ write: line => said.push(line) }), size: 3 });

it('makes some when there is time, and the same ones again when they were taken', async () => {
  const folders = three();
  folders.open();
  expect(names()).toEqual([]);
  await putOffDone();
  const ready = ['.ready-0', '.ready-1', '.ready-2'];
  expect(names()).toEqual(ready);
  const { ino } = statSync(join(parent, '.ready-0'));
  folders.become(join(parent, 'one'), folder => writeFileSync(join(folder, 'more'), ''));
  expect(readdirSync(join(parent, 'one')).sort()).toEqual(['file', 'more']);
  expect(statSync(join(parent, 'one')).ino).toBe(ino);
  for (const name of ['two', 'three', 'none was ready']) folders.become(join(parent, name), () => undefined);
  expect(names()).toEqual(['none was ready', 'one', 'three', 'two']);
  await putOffDone();
  expect(names()).toEqual([...ready, 'none was ready', 'one', 'three', 'two']);
});

it('leaves nothing of one that could not be finished, or not get its name', () => {
  const folders = three();
  const fail = (): void => {
    throw new Error('full');
  };
  expect(() => folders.become(join(parent, 'one'), fail)).toThrow('full');
  writeFileSync(join(parent, 'taken'), '');
  expect(() => folders.become(join(parent, 'taken'), () => undefined)).toThrow();
  expect(names()).toEqual(['taken']);
});

it('warns once when none can be made, and goes on when one can', async () => {
  let full = true;
  const folders = three(() => {
    if (full) throw new Error('full');
  });
  folders.open();
  await putOffDone();
  expect(said).toHaveLength(1);
  expect(names()).toEqual([]);
  expect(() => folders.become(join(parent, 'one'), () => undefined)).toThrow('full');
  full = false;
  said.length = 0;
  folders.become(join(parent, 'one'), () => undefined);
  await putOffDone();
  expect(names()).toEqual(['.ready-0', 'one']);
  expect(said).toEqual([]);
});

it('takes away what nobody took, and makes no more', async () => {
  const folders = three();
  folders.open();
  await putOffDone();
  folders.become(join(parent, 'one'), () => undefined);
  folders.close();
  await putOffDone();
  expect(names()).toEqual(['one']);
  folders.become(join(parent, 'two'), () => undefined);
  expect(existsSync(join(parent, 'two', 'file'))).toBe(true);
});
