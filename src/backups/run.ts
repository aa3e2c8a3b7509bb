import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import { bytesOf, type HttpTarget, httpOpen, refusal } from '../../base/http-client.ts';
import type { BackupPlan } from '../../contracts/bridge.ts';
import { fileNameOf, outdated } from './schedule.ts';

/** Writes the files of a volume as a tar, compressed as its name says: whole or not at all. @throws what the engine answers */
export async function writeVolume(engine: HttpTarget, volume: string, file: string, pause: boolean): Promise<void> {
  const path = `/volumes/${encodeURIComponent(volume)}/archive?pause=${pause}`;
  const answer = await httpOpen(engine, 'GET', path);
  const status = answer.statusCode ?? 0;
  if (status >= 300) throw refusal(status, await bytesOf(answer), `GET ${path}`);
  const draft = `${file}.part`;
  try {
    await pipeline([answer, ...compressorFor(file), createWriteStream(draft, { mode: 0o600, flush: true })]);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

function compressorFor(file: string): NodeJS.ReadWriteStream[] {
  if (/\.(gz|tgz)$/.test(file)) return [createGzip()];
  return /\.(zst|tzst)$/.test(file) ? [createZstdCompress()] : [];
}

/** One backup, frozen at one moment, and the oldest ones gone that are more than are kept. Its file. */
export async function runBackup(engine: HttpTarget, plan: BackupPlan, now = Date.now()): Promise<string> {
  const { volume, folder, keep } = plan;
  await mkdir(folder, { recursive: true });
  const file = join(folder, fileNameOf(volume, now));
  await writeVolume(engine, volume, file, true);
  for (const name of outdated(await readdir(folder), volume, keep)) await rm(join(folder, name), { force: true });
  return file;
}
