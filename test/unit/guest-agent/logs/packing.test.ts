import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { type Growth, readLog } from '../../../../guest-agent/logs/log-reader.ts';
import { LogWriter } from '../../../../guest-agent/logs/log-writer.ts';
import { eventually } from '../../../support/eventually.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-packing-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const over: Growth = { next: () => Promise.resolve(), over: true };
const wanted = { stdout: true, stderr: true, follow: false };

async function read(file: { path: string; maxFiles: number }, tail?: number, growth = over): Promise<string[]> {
  const chunks = await Array.fromAsync(readLog(file, { ...wanted, ...(tail === undefined ? {} : { tail }) }, growth));
  return chunks.flatMap(({ data }) => data.toString().trimEnd().split('\n'));
}

function openLog(name: string, maxFiles: number) {
  const file = { path: join(folder, name), ownFolder: false, maxBytes: 4000, maxFiles, compress: true };
  const writer = new LogWriter(file);
  let count = 0;
  const write = (lines: number): void => {
    for (let number = 0; number < lines; number++) {
      writer.append('stdout', [{ data: Buffer.from(`line ${count++}\n`), end: 0 }], () => undefined);
    }
  };
  const packed = (): string[] =>
    readdirSync(folder).filter(file => file.startsWith(`${name}.`) && file.endsWith('.gz'));
  return {
    file,
    writer,
    write,
    packed,
    lines: (from: number) => Array.from({ length: count - from }, (_, at) => `line ${from + at}`),
  };
}

it('packs what is put aside, and reads it back', async () => {
  const { file, writer, write, packed, lines } = openLog('a', 5);
  write(400);
  await eventually('all are packed', () => packed().length === 4 && !existsSync(`${file.path}.4`));
  writer.close();
  expect(gunzipSync(readFileSync(`${file.path}.1.gz`)).toString()).toMatch(/^\{"log":"line \d+\\n"/);
  const all = await read(file);
  expect(all.length).toBeGreaterThan(100);
  expect(all).toEqual(lines(400 - all.length));
  expect(await read(file, 3)).toEqual(lines(397));
  expect(await read(file, 120)).toEqual(lines(280));
  expect(readdirSync(folder).filter(name => name.includes('reading') || name.includes('packing'))).toEqual([]);
});

it('is followed line by line while files are packed', async () => {
  const { file, writer, write, packed, lines } = openLog('b', 50);
  write(10);
  let wake = (): void => undefined;
  const growth = {
    over: false,
    next: () =>
      new Promise<void>(resolve => {
        wake = resolve;
      }),
  };
  const reading = read(file, undefined, growth);
  for (let round = 1; round <= 8; round++) {
    write(60);
    await eventually('it is packed', () => packed().length >= round);
    wake();
  }
  growth.over = true;
  wake();
  expect(await reading).toEqual(lines(0));
  writer.close();
});
