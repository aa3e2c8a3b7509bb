import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLog } from '../../../../base/log.ts';
import { putOffDone } from '../../../../base/put-off.ts';
import type { ContainerId } from '../../../../contracts/brand.ts';
import { type ContainerRecord, RecordStore } from '../../../../guest-agent/engine/container-record.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-records-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const idOf = (digit: string): ContainerId => digit.repeat(64) as ContainerId;
const record = (id: ContainerId): ContainerRecord =>
  ({
    version: 1,
    id,
    name: 'a',
    config: {},
    hostConfig: {},
    state: { status: 'created' },
  }) as unknown as ContainerRecord;
const open = (): RecordStore => new RecordStore(root, createLog({ level: 'error', write: () => undefined }));

it('a record is there from its creation to its removal', async () => {
  const [id, store] = [idOf('1'), open()];
  await store.create(record(id));
  await store.save({ ...record(id), name: 'b' }, true);
  expect(open().load()).toEqual([{ ...record(id), name: 'b' }]);
  await store.remove(id);
  expect(open().load()).toEqual([]);
  await putOffDone();
  expect(readdirSync(join(root, 'containers'))).toEqual([]);
});

it('a folder whose record a power cut kept from the disk goes without a word; one that has more in it is put aside', async () => {
  const [empty, without, torn, kept] = ['1', '2', '3', '4'].map(idOf) as [
    ContainerId,
    ContainerId,
    ContainerId,
    ContainerId,
  ];
  for (const id of [empty, without, torn, kept]) mkdirSync(open().directory(id));
  writeFileSync(join(open().directory(empty), 'container.jsonl'), '');
  appendFileSync(join(open().directory(torn), 'container.jsonl'), '\n{"version":1,');
  writeFileSync(join(open().directory(kept), 'log'), 'precious\n');
  expect(open().load()).toEqual([]);
  expect([empty, without, torn, kept].map(id => open().isPutAside(id))).toEqual([false, false, true, true]);
  expect(existsSync(open().directory(empty))).toBe(false);
});
