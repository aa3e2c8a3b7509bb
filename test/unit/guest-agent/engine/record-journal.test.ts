import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLog } from '../../../../base/log.ts';
import type { ContainerId } from '../../../../contracts/brand.ts';
import {
  type JournalEntry,
  type JournalOptions,
  RecordJournal,
} from '../../../../guest-agent/engine/record-journal.ts';

let root: string;
const settled: string[][] = [];
const said: string[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-journal-'));
  settled.length = 0;
  said.length = 0;
});
afterEach(() => rmSync(root, { recursive: true }));

const log = createLog({ level: 'warn', write: line => said.push(line) });
const at = (name: string): string => join(root, 'journal', name);
const open = (options: Partial<JournalOptions> = {}, folder = join(root, 'journal')): RecordJournal =>
  new RecordJournal(folder, { settle: async ids => void settled.push([...ids]), log, ...options });

const removed = (id: string): JournalEntry => ({ removed: id as ContainerId });
const saved = (id: string, revision: number): JournalEntry =>
  ({ record: { id, revision, name: 'n'.repeat(revision % 50) } }) as unknown as JournalEntry;

/** What an engine would find that starts after a power cut now. */
async function found(): Promise<readonly JournalEntry[]> {
  const copy = join(root, 'copy');
  if (existsSync(join(root, 'journal'))) cpSync(join(root, 'journal'), copy, { recursive: true });
  let entries: readonly JournalEntry[] = [];
  await open({ settle: async () => undefined }, copy).replay(these => {
    entries = these;
  });
  rmSync(copy, { recursive: true, force: true });
  return entries;
}

/** Syncs that end when the test says so. */
function slowSync() {
  const running: { end(): void; fail(): void }[] = [];
  let count = 0;
  const sync = (): Promise<void> => {
    count++;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    running.push({ end: resolve, fail: () => reject(new Error('EIO')) });
    return promise;
  };
  return { sync, running, count: () => count };
}

/** Whether it is over, after everything that can happen without the disk has happened. */
async function isOver(work: Promise<unknown>): Promise<boolean> {
  await setImmediate();
  return Promise.race([work.then(() => true), setImmediate(false)]);
}

it('tells the last word on each, and nothing once it is settled', async () => {
  const journal = open();
  await journal.append(saved('a', 1));
  await journal.append(saved('b', 1));
  await journal.append(saved('a', 2));
  await journal.append(removed('c'));
  expect(await found()).toEqual([saved('a', 2), saved('b', 1), removed('c')]);
  let told: readonly JournalEntry[] = [];
  await open().replay(entries => {
    told = entries;
  });
  expect(told).toHaveLength(3);
  expect(settled).toEqual([['a', 'b', 'c']]);
  expect(await found()).toEqual([]);
});

it('keeps its size', async () => {
  const journal = open({ bytes: 4096 });
  for (let revision = 1; revision < 100; revision++) await journal.append(saved('a', revision));
  expect(readdirSync(join(root, 'journal')).map(name => readFileSync(at(name)).length)).toEqual([4096, 4096]);
});

it('wherever its last line is torn, those before it count', async () => {
  const journal = open({ bytes: 4096 });
  await journal.append(saved('a', 1));
  const start = readFileSync(at('0')).indexOf(0);
  await journal.append(saved('b', 7));
  const whole = readFileSync(at('0'));
  for (let length = whole.indexOf(0) - 1; length >= start; length--) {
    writeFileSync(at('0'), Buffer.concat([whole.subarray(0, length), Buffer.alloc(4096 - length)]));
    expect(await found()).toEqual([saved('a', 1)]);
  }
  const other = Buffer.from(whole);
  other.writeUInt8(other.readUInt8(start + 30) ^ 1, start + 30);
  writeFileSync(at('0'), other);
  expect(await found()).toEqual([saved('a', 1)]);
});

it('has what is not settled, however often its files have taken turns', async () => {
  const latest = new Map<string, number>();
  const durable = new Map<string, number>();
  const settle: JournalOptions['settle'] = async ids => {
    for (const id of ids) durable.set(id, latest.get(id) ?? 0);
    settled.push([...ids]);
  };
  let journal = open({ bytes: 1500, settle });
  for (let revision = 1; revision <= 400; revision++) {
    const id = `container-${(revision * 7) % 5}`;
    latest.set(id, revision);
    await journal.append(saved(id, revision));
    const told = new Map((await found()).map(entry => ['record' in entry ? entry.record.id : '', entry]));
    for (const [each, last] of latest) {
      if (durable.get(each) !== last) expect(told.get(each as ContainerId)).toEqual(saved(each, last));
    }
    if (revision % 90 === 0) {
      journal = open({ bytes: 1500, settle });
      await journal.replay(() => undefined);
    }
  }
  expect(settled.length).toBeGreaterThan(20);
});

it('settles a file as soon as it is full, and who fills the other one before that is done waits, in order', async () => {
  const settling: (() => void)[] = [];
  const journal = open({
    bytes: 300,
    settle: () => new Promise(resolve => settling.push(resolve)),
    sync: async () => undefined,
  });
  const appends: Promise<void>[] = [];
  let revision = 0;
  const fillOne = async (): Promise<void> => {
    do appends.push(journal.append(saved('a', ++revision)));
    while ((await isOver(appends.at(-1) ?? Promise.resolve())) && settling.length === 0);
  };
  await fillOne();
  expect(settling).toHaveLength(1);
  expect(await isOver(appends.at(-1) ?? Promise.reject())).toBe(true);
  while (await isOver(appends.at(-1) ?? Promise.resolve())) appends.push(journal.append(saved('a', ++revision)));
  const last = journal.append(removed('a'));
  expect(await isOver(last)).toBe(false);
  expect(await found()).toEqual([saved('a', revision - 1)]);
  settling.shift()?.();
  await last;
  expect(await found()).toEqual([removed('a')]);
});

it('tells who needs a file that it cannot be settled, and tries again for the next', async () => {
  let broken = true;
  const settle = async (): Promise<void> => {
    if (broken) throw new Error('EIO');
  };
  const journal = open({ bytes: 300, settle });
  let count = 0;
  const fill = async (): Promise<void> => {
    for (; count < 50; count++) await journal.append(saved('a', count));
  };
  await expect(fill()).rejects.toThrow('EIO');
  await expect(fill()).rejects.toThrow('EIO');
  expect(await found()).toEqual([saved('a', count - 1)]);
  broken = false;
  await fill();
  expect(await found()).toEqual([saved('a', 49)]);
});

it('those who come during a sync share the next one, which begins after all of them', async () => {
  const disk = slowSync();
  const journal = open({ sync: disk.sync });
  const first = journal.append(saved('a', 1));
  await setImmediate();
  const others = Array.from({ length: 50 }, (_, index) => journal.append(saved(`b${index}`, 1)));
  expect(await isOver(first)).toBe(false);
  disk.running.shift()?.end();
  await first;
  expect(await isOver(Promise.any(others))).toBe(false);
  expect(disk.count()).toBe(2);
  expect(await found()).toHaveLength(51);
  const late = journal.append(saved('c', 1));
  await setImmediate();
  disk.running.shift()?.end();
  await Promise.all(others);
  expect(await isOver(late)).toBe(false);
  disk.running.shift()?.end();
  await late;
  expect(disk.count()).toBe(3);
});

it('what the disk refuses is not there later, nor what came behind it; what comes after that is', async () => {
  const disk = slowSync();
  const journal = open({ sync: disk.sync });
  const good = journal.append(saved('good', 1));
  await setImmediate();
  disk.running.shift()?.end();
  await good;
  const bad = journal.append(saved('bad', 1));
  await setImmediate();
  const behind = journal.append(saved('behind', 1));
  await setImmediate();
  disk.running.shift()?.fail();
  const results = await Promise.allSettled([bad, behind]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await found()).toEqual([saved('good', 1)]);
  const after = journal.append(saved('after', 1));
  await setImmediate();
  disk.running.shift()?.end();
  await after;
  expect(await found()).toEqual([saved('good', 1), saved('after', 1)]);
});

it('what is larger than a file is settled at once', async () => {
  const journal = open({ bytes: 200 });
  await journal.append(removed('a'));
  await journal.append(removed('x'.repeat(500)));
  expect(settled.at(-1)).toEqual(['x'.repeat(500)]);
  await journal.append(removed('b'));
  expect(await found()).toContainEqual(removed('b'));
});

it('is empty once it is closed; what comes later is settled at once', async () => {
  const journal = open();
  await journal.append(saved('a', 1));
  await journal.close();
  expect(settled.flat()).toEqual(['a']);
  expect(await found()).toEqual([]);
  await journal.append(removed('a'));
  expect(settled.at(-1)).toEqual(['a']);
  const next = open();
  await next.replay(() => expect.unreachable());
  await next.append(saved('b', 1));
  expect(await found()).toEqual([saved('b', 1)]);
});

it('a line that was left behind a torn one does not seem to follow one day', async () => {
  const lineOf = (length: number): JournalEntry => removed('x'.repeat(length - '12345678 1 {"removed":""}\n'.length));
  const journal = open({ bytes: 512 });
  const numberOf = (text: string): number => Number(text.split(' ')[1]);
  await journal.append(lineOf(80));
  const first = numberOf(readFileSync(at('0'), 'utf8'));
  const digits = String(first).length - 1;
  for (const id of ['b', 'c', 'd', 'left']) await journal.append(removed(id.padEnd(54 - digits, '.')));
  const bytes = readFileSync(at('0'));
  const lines = bytes.toString('utf8').split('\n');
  const torn = (lines[0]?.length ?? 0) + 1;
  bytes.write('torn', torn);
  writeFileSync(at('0'), bytes);
  const behind = bytes.indexOf(lines[4] ?? '');
  const next = open({ bytes: 512 });
  await next.replay(() => undefined);
  await next.append(lineOf(250));
  await next.append(lineOf(behind - digits));
  expect((await found()).map(entry => ('removed' in entry ? entry.removed : ''))).not.toContainEqual(
    expect.stringContaining('left'),
  );
});

it.each([
  ['random', Buffer.from('no journal at all\nby no means\n'.repeat(30))],
  ['empty', Buffer.alloc(0)],
])('files of %s content are begun anew', async (_, content) => {
  await open().append(saved('a', 1));
  for (const name of ['0', '1']) writeFileSync(at(name), content);
  const journal = open();
  await journal.replay(() => expect.unreachable());
  await journal.append(saved('b', 1));
  expect(await found()).toEqual([saved('b', 1)]);
  expect(readFileSync(at('0'))).toHaveLength(512 << 10);
});

it('what stands behind a torn beginning does not come back', async () => {
  const before = open();
  for (const id of ['a', 'b', 'c']) await before.append(removed(id));
  const bytes = readFileSync(at('0'));
  bytes.write('torn');
  writeFileSync(at('0'), bytes);
  expect(await found()).toEqual([]);
  const journal = open();
  await journal.replay(() => expect.unreachable());
  await journal.append(removed('d'));
  expect(await found()).toEqual([removed('d')]);
});

it('is put aside when it cannot be emptied, and what comes then is not put aside with it', async () => {
  await open().append(saved('a', 1));
  let broken = true;
  const journal = open({
    sync: async () => {
      if (broken) throw new Error('EIO');
    },
  });
  await journal.replay(() => undefined);
  broken = false;
  await journal.append(saved('b', 1));
  expect(await found()).toEqual([saved('b', 1)]);
});

it('is put aside when it cannot be carried over, and the engine goes on', async () => {
  await open().append(saved('a', 1));
  const journal = open();
  await journal.replay(() => {
    throw new Error('ENOSPC');
  });
  expect(said.join()).toContain('put aside');
  expect(readdirSync(root)).toEqual([expect.stringMatching(/^journal-\d+$/)]);
  await journal.append(saved('b', 1));
  expect(await found()).toEqual([saved('b', 1)]);
});
