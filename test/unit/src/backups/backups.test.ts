import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BackupPlan } from '../../../../contracts/bridge.ts';
import { BackupPlans, dueAt, fileNameOf, keepBackups, outdated, runBackup } from '../../../../src/backups/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-backups-'));
const socketPath = join(folder, 'engine.sock');
const asked: string[] = [];
let engine: Server;
beforeAll(async () => {
  // the engine's answers for one volume: its tar, or why there is none
  engine = createServer(({ url }, answer) => {
    asked.push(url ?? '');
    if (url?.startsWith('/volumes/data/')) answer.end('the tar');
    else answer.writeHead(404).end(JSON.stringify({ message: 'get gone: no such volume' }));
  });
  await new Promise<void>(resolve => engine.listen(socketPath, resolve));
});
afterAll(async () => {
  await new Promise(resolve => engine.close(resolve));
  rmSync(folder, { recursive: true });
});

const plan = (more: Partial<BackupPlan> = {}): BackupPlan => ({
  ...{ volume: 'data', folder: join(folder, 'kept'), everyHours: 24, keep: 2, problem: '' },
  ...more,
});

test('a volume is due at once, then after its time, and soon after a failure', () => {
  const hour = 3_600_000;
  expect(dueAt(plan())).toBe(0);
  expect(dueAt(plan({ tried: 5 * hour }))).toBe(29 * hour);
  expect(dueAt(plan({ tried: 5 * hour, problem: 'no engine' }))).toBe(5 * hour + 600_000);
});

test('only older backups of the same volume go', () => {
  const at = (day: number): string => fileNameOf('data', Date.UTC(2026, 0, day));
  expect(at(3)).toBe('data_2026-01-03T00-00-00.tar.zst');
  const others = ['data_2026.tar.zst', 'data_x_2026-01-01T00-00-00.tar.zst', 'notes.txt', `${at(1)}.part`];
  expect(outdated([at(3), ...others, at(1), at(2)], 'data', 2)).toEqual([at(1)]);
  expect(outdated([at(1)], 'data', 2)).toEqual([]);
});

test('a backup is the whole tar, compressed, and the oldest one goes', async () => {
  for (const day of [1, 2, 3]) await runBackup({ socketPath }, plan(), Date.UTC(2026, 0, day));
  const files = readdirSync(plan().folder).sort();
  expect(files).toEqual([2, 3].map(day => fileNameOf('data', Date.UTC(2026, 0, day))));
  expect(String(zstdDecompressSync(readFileSync(join(plan().folder, files[0] ?? ''))))).toBe('the tar');
  expect(asked.at(-1)).toBe('/volumes/data/archive?pause=true');
  await expect(runBackup({ socketPath }, plan({ volume: 'gone' }))).rejects.toThrow('no such volume');
  expect(readdirSync(plan().folder)).toHaveLength(2);
});

test('whoever hosts the engine keeps to the plans, also to those that come later, and notes what failed', async () => {
  const file = join(folder, 'backups.json');
  const plans = new BackupPlans(file);
  const end = new AbortController();
  const kept = keepBackups(file, { socketPath }, end.signal);
  plans.put(plan({ volume: 'gone' }));
  await expect.poll(() => plans.list()[0]?.problem).toBe('get gone: no such volume');
  plans.put(plan({ folder: join(folder, 'later') }));
  await expect.poll(() => plans.list().find(({ volume }) => volume === 'data')?.tried).toBeGreaterThan(0);
  expect(readdirSync(join(folder, 'later'))).toHaveLength(1);
  plans.remove('gone');
  expect(plans.list().map(({ volume }) => volume)).toEqual(['data']);
  plans.record('gone', { tried: 1, problem: 'late' });
  expect(plans.list()).toHaveLength(1);
  end.abort();
  await kept;
  writeFileSync(file, '{');
  expect(plans.list()).toEqual([]);
});
