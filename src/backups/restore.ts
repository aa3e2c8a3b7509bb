import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type HttpTarget, httpBytes, httpJson } from '../../base/http-client.ts';
import type { BackupFileDocument, BackupPlan, StreamRequest } from '../../contracts/bridge.ts';
import type { ContainerInspect, ContainerSummary } from '../../contracts/docker/containers.ts';
import { conflict, notFound } from '../../contracts/errors.ts';
import { writeVolume } from './run.ts';
import { backupsIn, fileNameOf, timeOf } from './schedule.ts';

/** The backups of a volume, the newest first; none while the folder is not there. */
export async function listBackups({ volume, folder }: BackupPlan): Promise<BackupFileDocument[]> {
  const names = backupsIn(await readdir(folder).catch(() => []), volume);
  const files = await Promise.all(
    names.map(async name => ({ name, time: timeOf(name, volume), bytes: (await stat(join(folder, name))).size })),
  );
  return files.reverse();
}

/**
 * Puts a backup into its volume, which is made when it is gone: containers that run with it are stopped meanwhile and start
 * again after it, also when it failed; then the volume is as it was. `tell` hears how many bytes of the file were read.
 * @throws not-found, conflict, and what the engine answers
 */
export async function restoreBackup(
  engine: HttpTarget,
  plan: BackupPlan,
  { file, saveFirst }: Pick<StreamRequest<'restoreBackup'>, 'file' | 'saveFirst'>,
  tell: (bytes: number, total: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { volume, folder } = plan;
  const files = await listBackups(plan);
  const found = files.find(({ name }) => name === file);
  if (!found) throw notFound(`${file} is no backup of ${volume} in ${folder}`);
  const stopped: string[] = [];
  try {
    for (const id of await runningUsers(engine, volume)) {
      await httpBytes(engine, 'POST', `/containers/${id}/stop`);
      stopped.push(id);
    }
    // none of the older ones goes for it: it might be the one that is wanted
    const now = Math.max(Date.now(), (files[0]?.time ?? 0) + 1000); // a name of its own: names have seconds
    if (saveFirst) await writeVolume(engine, volume, join(folder, fileNameOf(volume, now)), false);
    await send(engine, volume, join(folder, file), bytes => tell(bytes, found.bytes), signal);
  } finally {
    for (const id of stopped) await httpBytes(engine, 'POST', `/containers/${id}/start`);
  }
}

/** @throws conflict when one of them would not come back */
async function runningUsers(engine: HttpTarget, volume: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ volume: [volume], status: ['running', 'paused', 'restarting'] }));
  const all = (await httpJson(engine, 'GET', `/containers/json?filters=${filters}`)) as ContainerSummary[];
  for (const { Id, Names } of all) {
    const { HostConfig } = (await httpJson(engine, 'GET', `/containers/${Id}/json`)) as ContainerInspect;
    if (HostConfig.AutoRemove)
      throw conflict(`${Names[0]?.slice(1)} uses ${volume} and goes when it stops: stop it first`);
  }
  return all.map(({ Id }) => Id);
}

/** Bytes between two words of how far it is. */
const tellStep = 1 << 20;

async function send(
  engine: HttpTarget,
  volume: string,
  file: string,
  tell: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const stream = new PassThrough();
  let bytes = 0;
  let told = 0;
  stream.on('data', chunk => {
    bytes += chunk.length;
    if (bytes - told < tellStep) return;
    told = bytes;
    tell(bytes);
  });
  const path = `/volumes/${encodeURIComponent(volume)}/archive?replace=true`;
  const answer = httpBytes(engine, 'PUT', path, { stream, signal });
  // what goes wrong with the file ends the request, whose failure is told
  pipeline(createReadStream(file), stream, { signal: over.signal }).catch(() => undefined);
  try {
    await answer;
  } finally {
    over.abort(); // an engine that refuses it does not read on
  }
}
