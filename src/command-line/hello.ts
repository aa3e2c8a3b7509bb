import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf, type HttpTarget, httpBytes, httpJson, httpOpen } from '../../base/http-client.ts';
import { internal } from '../../contracts/errors.ts';
import type { Surroundings } from './surroundings.ts';

/** The hello image's archive; a source tree makes it at first use. */
export function helloArchive({ project, arch }: Surroundings): string {
  const archive = join(project, 'dist', `hello-${arch}.tar`);
  const program = join(project, 'scripts', 'build-hello.ts');
  if (!existsSync(archive) && existsSync(program)) spawnSync(process.execPath, [program], { stdio: 'ignore' });
  return archive;
}

/** What one run of the hello image said. */
export interface Hello {
  output: string;
  exitCode: number;
}

/**
 * Runs the built-in hello image (a docker-archive tar with one image) as a user would: load, create, start, wait, logs,
 * remove. Undefined when the tar has not been built. @throws what the engine answers.
 */
export async function runHello(engine: HttpTarget, tar: string): Promise<Hello | undefined> {
  if (!existsSync(tar)) return undefined;
  const image = await loadImage(engine, tar);
  const created = (await httpJson(engine, 'POST', '/containers/create', { body: { Image: image } })) as { Id: string };
  const path = `/containers/${created.Id}`;
  try {
    await httpBytes(engine, 'POST', `${path}/start`);
    const { StatusCode } = (await httpJson(engine, 'POST', `${path}/wait`)) as { StatusCode: number };
    const logs = await httpBytes(engine, 'GET', `${path}/logs?stdout=1&stderr=1`);
    return { output: textOfRawStream(logs), exitCode: StatusCode };
  } finally {
    await httpBytes(engine, 'DELETE', `${path}?force=1`).catch(() => undefined);
  }
}

/** Loads the archive and returns the name that the engine tells: `Loaded image: hello-berth:latest`. */
async function loadImage(engine: HttpTarget, tar: string): Promise<string> {
  const answer = await httpOpen(engine, 'POST', '/images/load?quiet=1', { stream: createReadStream(tar) });
  const text = (await bytesOf(answer)).toString('utf8');
  const name = /Loaded image(?: ID)?: ([^\s"\\]+)/.exec(text)?.[1];
  if (!name) throw internal(`The engine did not load the hello image: ${text.slice(0, 300)}`);
  return name;
}

/** The text in Docker's stream format: frames of a byte for the stream, three zeros, a length, and that many bytes. */
export function textOfRawStream(frames: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= frames.length; ) {
    const length = frames.readUInt32BE(at + 4);
    parts.push(frames.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts).toString('utf8');
}
