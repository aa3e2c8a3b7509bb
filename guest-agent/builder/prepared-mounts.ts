import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Mailbox } from '../../base/mailbox.ts';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import type { BuilderOptions } from './contract.ts';
import { cleanPath, type FileTree } from './file-tree.ts';
import type { RunMount } from './run-mounts.ts';
import { MissingSource } from './select-files.ts';

/** Where a RUN step's mounts come from. */
export interface MountSources {
  /** The files of a stage, an image or a context; '' is the context. */
  files(from: string, source: string): Promise<FileTree>;
  secret(id: string): Promise<Buffer | undefined>;
}

/** What a step's container is given for its mounts, until `release`. */
export interface PreparedMounts {
  binds: string[];
  tmpfs: Record<string, string>;
  env: string[];
  release(): void;
}

type Options = Pick<BuilderOptions, 'root' | 'execRoot' | 'archive'>;

/** Cache mounts that are locked: one step after another. */
const locks = new Map<string, Mailbox>();

/** Lays out what the mounts show. What fails takes back what was done. */
export async function prepareMounts(
  mounts: readonly RunMount[],
  sources: MountSources,
  options: Options,
): Promise<PreparedMounts> {
  const folders = [join(options.root, 'mounts'), join(options.execRoot, 'build')].map(folder =>
    join(folder, randomBytes(8).toString('hex')),
  );
  const [disk = '', memory = ''] = folders;
  const prepared: PreparedMounts = {
    binds: [],
    tmpfs: {},
    env: [],
    release: () => {
      for (const folder of folders) {
        rmSync(folder, { recursive: true, force: true });
        removeIfEmpty(dirname(folder));
      }
    },
  };
  try {
    for (const [index, mount] of mounts.entries()) {
      await prepare(mount, prepared, { disk: join(disk, String(index)), memory, index }, sources, options);
    }
    return prepared;
  } catch (error) {
    prepared.release();
    throw error;
  }
}

function removeIfEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

async function prepare(
  mount: RunMount,
  prepared: PreparedMounts,
  { disk, memory, index }: { disk: string; memory: string; index: number },
  sources: MountSources,
  options: Options,
): Promise<void> {
  const access = mount.readonly ? 'ro' : 'rw';
  switch (mount.type) {
    case 'tmpfs':
      prepared.tmpfs[mount.target] = mount.sizeBytes === undefined ? '' : `size=${mount.sizeBytes}`;
      return;
    case 'cache':
      prepared.binds.push(`${cacheFolder(mount, options)}:${mount.target}:${access}`);
      return;
    case 'secret':
      return addSecret(mount, prepared, join(memory, String(index)), sources);
    case 'bind': {
      const source = await layOut(mount, disk, sources, options);
      prepared.binds.push(`${source}:${mount.target}:${access}`);
      return;
    }
    case 'script':
      mkdirSync(join(disk, '..'), { recursive: true, mode: 0o711 });
      writeFileSync(disk, mount.source, { mode: 0o755 });
      prepared.binds.push(`${disk}:${mount.target}:ro`);
      return;
    case 'ssh':
      if (mount.required) throw invalidArgument('no SSH key "default" forwarded from the client');
  }
}

/** A folder that outlives builds. What `private` asks for when it is taken is not needed: a step waits instead. */
function cacheFolder(mount: RunMount, { root }: Options): string {
  const name = createHash('sha256')
    .update(mount.id || mount.target)
    .digest('hex');
  const folder = join(root, 'cache-mounts', name);
  if (existsSync(folder)) return folder;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chownSync(folder, mount.uid, mount.gid);
  chmodSync(folder, mount.mode ?? 0o755);
  return folder;
}

/** Runs `work` alone among the steps that lock one of these caches. */
export function withLocks<T>(mounts: readonly RunMount[], work: () => Promise<T>): Promise<T> {
  const names = mounts
    .filter(({ type, sharing }) => type === 'cache' && sharing !== 'shared')
    .map(({ id, target }) => id || target)
    .sort();
  return names.reduceRight((inner, name) => () => lockOf(name).run(inner), work)();
}

function lockOf(name: string): Mailbox {
  const lock = locks.get(name) ?? new Mailbox();
  locks.set(name, lock);
  return lock;
}

/** It is only ever in memory: a file of a tmpfs, for as long as the step runs. */
async function addSecret(
  mount: RunMount,
  prepared: PreparedMounts,
  file: string,
  sources: MountSources,
): Promise<void> {
  const id = mount.id || mount.source || mount.target.split('/').at(-1) || '';
  const secret = await sources.secret(id);
  if (!secret) {
    if (mount.required) throw invalidArgument(`secret ${id}: not found`);
    return;
  }
  if (mount.env !== '') prepared.env.push(`${mount.env}=${secret.toString()}`);
  if (mount.env !== '' && mount.target === '') return;
  mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 });
  writeFileSync(file, secret, { mode: 0o600 });
  chownSync(file, mount.uid, mount.gid);
  chmodSync(file, mount.mode ?? 0o400);
  prepared.binds.push(`${file}:${mount.target || `/run/secrets/${id}`}:ro`);
}

/** Files as a tree on the disk, unpacked by descriptors; it is thrown away after the step. */
async function layOut(mount: RunMount, folder: string, sources: MountSources, options: Options): Promise<string> {
  const tree = await sources.files(mount.from, mount.source || '/');
  const source = tree.resolve(mount.source);
  const entry = source === undefined ? undefined : tree.get(source);
  if (source === undefined || !entry) throw new MissingSource(mount.source);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const isDirectory = entry.type === 'directory';
  const placed = isDirectory
    ? tree.below(source).flatMap(path => {
        const below = tree.get(path);
        return below ? [{ path: path.slice(source === '' ? 0 : source.length + 1), entry: below }] : [];
      })
    : [{ path: 'file', entry }];
  const tar = tree.toTar(placed);
  await options.archive.unpack({ root: folder, path: '/', tar, noOverwriteDirNonDir: false, copyUIDGID: false });
  return isDirectory ? folder : join(folder, 'file');
}

/** Mount points that a container makes in its image: they are none of the step's doing. */
export const mountPoints = (mounts: readonly RunMount[]): string[] =>
  mounts.flatMap(({ type, target, id, source }) => {
    const path = target || (type === 'secret' ? `/run/secrets/${id || source}` : '');
    const parts = cleanPath(path).split('/').filter(Boolean);
    return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  });

/** Hosts, limits and networks of a RUN's container beside its mounts. */
export const hostConfigOf = (
  host: HostConfig,
  { binds, tmpfs }: PreparedMounts,
  network: string | undefined,
): HostConfig => ({
  ...host,
  ...(network && network !== 'default' ? { NetworkMode: network } : {}),
  LogConfig: { Type: 'none', Config: {} },
  ...(binds.length > 0 ? { Binds: binds } : {}),
  ...(Object.keys(tmpfs).length > 0 ? { Tmpfs: tmpfs } : {}),
});
