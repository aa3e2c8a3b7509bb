import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLog } from '../../../../base/log.ts';
import { putOffDone } from '../../../../base/put-off.ts';
import type { ContainerId } from '../../../../contracts/brand.ts';
import type { ContainerRecord } from '../../../../guest-agent/engine/container-record.ts';
import { RecordStore } from '../../../../guest-agent/engine/record-store.ts';

let root: string;
let before: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-records-'));
  before = mkdtempSync(join(tmpdir(), 'berth-records-'));
});
afterEach(async () => {
  await putOffDone();
  for (const folder of [root, before]) rmSync(folder, { recursive: true });
});

const idOf = (digit: string): ContainerId => digit.repeat(64) as ContainerId;
const id = idOf('1');
const record = (of: ContainerId, name = 'a'): ContainerRecord =>
  ({
    version: 1,
    id: of,
    name,
    config: {},
    hostConfig: {},
    state: { status: 'created' },
  }) as unknown as ContainerRecord;
const said: string[] = [];
const open = (): RecordStore => new RecordStore(root, createLog({ level: 'warn', write: line => said.push(line) }));
const fileOf = (of: ContainerId): string => join(open().directory(of), 'container.jsonl');

/** What is in its own place is on the disk from now on. */
function reachesTheDisk(): void {
  rmSync(before, { recursive: true });
  cpSync(join(root, 'containers'), before, { recursive: true });
}

/** Since then nothing has got there but the journal. */
function powerCut(): void {
  rmSync(join(root, 'containers'), { recursive: true });
  cpSync(before, join(root, 'containers'), { recursive: true });
}

it('a record is there from its creation to its removal', async () => {
  const store = open();
  await store.create(record(id));
  await store.save(record(id, 'b'), true);
  expect(await open().load()).toEqual([record(id, 'b')]);
  await store.remove(id);
  expect(await open().load()).toEqual([]);
  await putOffDone();
  expect(readdirSync(join(root, 'containers'))).toEqual([]);
});

it('a folder whose record a power cut kept from the disk goes without a word; one that has more in it is put aside', async () => {
  const [empty, without, ready, torn, kept] = ['1', '2', '3', '4', '5'].map(idOf) as ContainerId[] & {
    [Index in 0 | 1 | 2 | 3 | 4]: ContainerId;
  };
  const all = [empty, without, ready, torn, kept];
  const store = open();
  for (const each of all) mkdirSync(store.directory(each));
  writeFileSync(fileOf(empty), '');
  for (const name of ['container.jsonl', 'hosts']) writeFileSync(join(store.directory(ready), name), '');
  appendFileSync(fileOf(torn), '\n{"version":1,');
  writeFileSync(fileOf(kept), '');
  writeFileSync(join(store.directory(kept), 'log'), 'precious\n');
  expect(await store.load()).toEqual([]);
  expect(all.map(each => store.isPutAside(each))).toEqual([false, false, false, true, true]);
  for (const each of all) expect(existsSync(store.directory(each))).toBe(false);
});

it('a power cut takes nothing back: not a creation, a change or a removal', async () => {
  const [removed, both, changed] = [idOf('2'), idOf('3'), idOf('4')];
  const store = open();
  for (const each of [removed, changed]) await store.create(record(each));
  for (const name of ['b', 'c']) await store.save(record(changed, name), true);
  await store.close();
  reachesTheDisk();
  const next = open();
  await next.load();
  await next.create(record(id));
  await next.save(record(id, 'b'), true);
  await next.save(record(changed, 'd'), true);
  await next.remove(removed);
  await next.create(record(both));
  await next.remove(both);
  powerCut();
  const after = open();
  expect(await after.load()).toEqual([record(id, 'b'), record(changed, 'd')]);
  expect(statSync(after.directory(id)).mode & 0o777).toBe(0o710);
  await putOffDone();
  expect(readdirSync(join(root, 'containers')).sort()).toEqual([id, changed]);
});

it('what the journal has is written over a record that is torn or older, and not over a newer one', async () => {
  const [torn, older, newer] = ['2', '3', '4'].map(idOf) as [ContainerId, ContainerId, ContainerId];
  const earlier = open();
  for (const each of [torn, older, newer]) await earlier.create(record(each));
  for (const each of [torn, older, newer]) await earlier.save(record(each, 'early'), true);
  const store = open();
  await store.load();
  for (const name of ['disk', 'journal']) {
    for (const each of [torn, older, newer]) await store.save(record(each, name), true);
    if (name === 'disk') reachesTheDisk();
  }
  await store.save(record(newer, 'newer'), false);
  cpSync(store.directory(newer), join(before, newer), { recursive: true });
  powerCut();
  writeFileSync(fileOf(torn), '\n{"version":1,"id"\0\0\0');
  const names = (await open().load()).map(({ name }) => name);
  expect(names).toEqual(['journal', 'journal', 'newer']);
});

it('a record from before there were revisions is older than any', async () => {
  mkdirSync(open().directory(id));
  writeFileSync(fileOf(id), JSON.stringify(record(id, 'old')));
  reachesTheDisk();
  const store = open();
  expect(await store.load()).toEqual([record(id, 'old')]);
  await store.save(record(id, 'new'), true);
  powerCut();
  expect(await open().load()).toEqual([record(id, 'new')]);
});

it('nothing changes when the engine was merely killed', async () => {
  const store = open();
  for (const digit of ['1', '2', '3']) await store.create(record(idOf(digit)));
  await store.save(record(id, 'b'), true);
  await store.save(record(id, 'c'), false);
  await store.remove(idOf('3'));
  await putOffDone();
  const files = ['1', '2'].map(digit => readFileSync(fileOf(idOf(digit)), 'utf8'));
  expect(await open().load()).toEqual([record(id, 'c'), record(idOf('2'))]);
  expect(['1', '2'].map(digit => readFileSync(fileOf(idOf(digit)), 'utf8'))).toEqual(files);
});

it.each(['an end in order', 'a start'])('the journal is empty after %s', async what => {
  const store = open();
  reachesTheDisk();
  await store.create(record(id));
  if (what === 'a start') await open().load();
  else await store.close();
  powerCut(); // one that could not be: then all had reached the disk
  expect(await open().load()).toEqual([]);
});

it('what is larger than the journal is there all the same', async () => {
  const store = new RecordStore(root, createLog({ write: () => undefined }), { bytes: 400 });
  const large = record(id, 'x'.repeat(1000));
  await store.create(large);
  await store.save({ ...large, restartCount: 1 }, true);
  expect(await open().load()).toEqual([{ ...large, restartCount: 1 }]);
});

it('what the journal cannot take is refused, and nothing of it is left; later it goes on', async () => {
  const store = open();
  writeFileSync(join(root, 'journal'), 'in the way');
  await expect(store.create(record(id))).rejects.toThrow('EEXIST');
  expect(readdirSync(join(root, 'containers'))).toEqual([]);
  rmSync(join(root, 'journal'));
  await store.create(record(id));
  const failing = new RecordStore(root, createLog({ write: () => undefined }), {
    sync: () => Promise.reject(new Error('EIO')),
  });
  await expect(failing.remove(id)).rejects.toThrow('EIO');
  expect(readdirSync(join(root, 'containers'))).toEqual([id]);
  await expect(failing.create(record(idOf('2')))).rejects.toThrow('EIO');
  expect(await open().load()).toEqual([record(id)]);
});

it('folders that are ready become containers, and those that are not go at the end', async () => {
  const store = open();
  store.makeAhead();
  await putOffDone();
  const ready = readdirSync(join(root, 'containers')).sort();
  expect(ready).toHaveLength(32);
  const files = readdirSync(join(root, 'containers', '.ready-0')).sort();
  expect(files).toEqual(['container.jsonl', 'hostname', 'hosts', 'resolv.conf']);
  const { ino, mode } = statSync(join(root, 'containers', '.ready-0', 'container.jsonl'));
  expect(mode & 0o777).toBe(0o600);
  await store.create(record(id));
  expect(statSync(fileOf(id)).ino).toBe(ino);
  await putOffDone();
  expect(readdirSync(join(root, 'containers')).sort()).toEqual([...ready, id]);
  await store.close();
  expect(readdirSync(join(root, 'containers'))).toEqual([id]);
});

it('what an earlier engine had ready is swept', async () => {
  const store = open();
  store.makeAhead();
  await putOffDone();
  mkdirSync(join(root, 'containers', `.removed-${id}`));
  writeFileSync(join(root, 'containers', `.removed-${id}`, 'log'), 'no longer precious\n');
  expect(await open().load()).toEqual([]);
  expect(open().isPutAside(id)).toBe(false);
  expect(readdirSync(join(root, 'containers'))).toEqual([]);
});
