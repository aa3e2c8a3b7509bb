import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import { type AgentCall, serveAgent } from './agent-socket.ts';
import type { CacheMounts } from './cache-mounts.ts';
import type { BuilderOptions } from './contract.ts';
import { ancestors, type FileTree, type TreeEntry } from './file-tree.ts';
import type { RunMount } from './run-mounts.ts';
import { MissingSource } from './select-files.ts';

/** Where a RUN step's mounts come from. */
export interface MountSources {
  /** The files of a stage, an image or a context; '' is the context. */
  files(from: string, source: string): Promise<FileTree>;
  secret(id: string): Promise<Buffer | undefined>;
  /** The client's SSH agent of that name; undefined when it forwards none. */
  agent(id: string): Promise<(() => AgentCall) | undefined>;
}

/** What a step's container is given for its mounts, until `release`. */
export interface PreparedMounts {
  binds: string[];
  tmpfs: Record<string, string>;
  env: string[];
  /** Secrets that are variables. */
  secretEnv: string[];
  /** Where files were laid out for a mount. */
  folders: Map<RunMount, string>;
  release(): void;
}

interface MountRooms {
  options: Pick<BuilderOptions, 'root' | 'execRoot' | 'archive'>;
  caches: CacheMounts;
  sources: MountSources;
}

/** A mount that is laid out, and where there is room for it: on the disk, and in memory. */
interface Place {
  prepared: PreparedMounts;
  disk: string;
  memory: string;
  onRelease(work: () => void): void;
}

/** Lays out what the mounts show. What fails takes back what was done. */
export async function prepareMounts(mounts: readonly RunMount[], rooms: MountRooms): Promise<PreparedMounts> {
  const { options } = rooms;
  const [disk, memory] = [join(options.root, 'mounts'), join(options.execRoot, 'build')].map(folder =>
    join(folder, randomBytes(8).toString('hex')),
  ) as [string, string];
  const releases: (() => void)[] = [];
  const prepared: PreparedMounts = {
    binds: [],
    tmpfs: {},
    env: [],
    secretEnv: [],
    folders: new Map(),
    release: () => {
      for (const release of releases.splice(0)) release();
      for (const folder of [disk, memory]) {
        rmSync(folder, { recursive: true, force: true });
        removeIfEmpty(dirname(folder));
      }
    },
  };
  const onRelease = (work: () => void): void => void releases.push(work);
  try {
    for (const [index, mount] of mounts.entries()) {
      const name = String(index);
      await prepare(mount, { prepared, disk: join(disk, name), memory: join(memory, name), onRelease }, rooms);
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

async function prepare(mount: RunMount, place: Place, rooms: MountRooms): Promise<void> {
  const { prepared, disk, onRelease } = place;
  const access = mount.readonly ? 'ro' : 'rw';
  switch (mount.type) {
    case 'tmpfs':
      prepared.tmpfs[mount.target] = mount.sizeBytes === undefined ? '' : `size=${mount.sizeBytes}`;
      return;
    case 'cache': {
      const fill = async (path: string): Promise<void> => {
        if (mount.from !== '') await layOut(mount, path, rooms);
      };
      const { path, release } = await rooms.caches.take(mount, fill);
      onRelease(release);
      prepared.binds.push(`${path}:${mount.target}:${access}`);
      return;
    }
    case 'secret':
      return addSecret(mount, place, rooms.sources);
    case 'bind': {
      const source = await layOut(mount, disk, rooms);
      prepared.folders.set(mount, source);
      prepared.binds.push(`${source}:${mount.target}:${access}`);
      return;
    }
    case 'script':
      mkdirSync(join(disk, '..'), { recursive: true, mode: 0o711 });
      writeFileSync(disk, mount.source, { mode: 0o755 });
      prepared.binds.push(`${disk}:${mount.target}:ro`);
      return;
    case 'ssh':
      return addAgent(mount, place, rooms.sources);
  }
}

/** It is only ever in memory: a file of a tmpfs, for as long as the step runs. */
async function addSecret(mount: RunMount, { prepared, memory }: Place, sources: MountSources): Promise<void> {
  const id = mount.id || mount.source || mount.target.split('/').at(-1) || '';
  const secret = await sources.secret(id);
  if (!secret) {
    if (mount.required) throw invalidArgument(`secret ${id}: not found`);
    return;
  }
  if (mount.env !== '') prepared.secretEnv.push(`${mount.env}=${secret.toString()}`);
  if (mount.env !== '' && mount.target === '') return;
  mkdirSync(join(memory, '..'), { recursive: true, mode: 0o700 });
  writeFileSync(memory, secret, { mode: 0o600 });
  chownSync(memory, mount.uid, mount.gid);
  chmodSync(memory, mount.mode ?? 0o400);
  prepared.binds.push(`${memory}:${mount.target || `/run/secrets/${id}`}:ro`);
}

const agentFolder = '/run/buildkit';

/** The client's agent behind a socket; the keys stay with the client. */
async function addAgent(mount: RunMount, { prepared, memory, onRelease }: Place, sources: MountSources): Promise<void> {
  const id = mount.id || 'default';
  const count = prepared.binds.filter(bind => bind.includes(`:${agentFolder}/`)).length;
  const target = mount.target || `${agentFolder}/ssh_agent.${count}`;
  if (!prepared.env.some(variable => variable.startsWith('SSH_AUTH_SOCK='))) {
    prepared.env.push(`SSH_AUTH_SOCK=${target}`);
  }
  const connect = await sources.agent(id);
  if (!connect) {
    if (mount.required) throw invalidArgument(`unset ssh forward key ${id}`);
    return;
  }
  mkdirSync(join(memory, '..'), { recursive: true, mode: 0o711 });
  const { uid, gid, mode = 0o600 } = mount;
  onRelease(await serveAgent(memory, connect, { uid, gid, mode }));
  prepared.binds.push(`${memory}:${target}`);
}

/** A tar's times are whole seconds, and make would find a file older that was saved in the second of its last run. */
const timed = (entry: TreeEntry): TreeEntry => ({
  ...entry,
  attributes: { ...entry.attributes, mtime: String(entry.mtime.getTime() / 1000) },
});

/** Files as a tree on the disk, unpacked by descriptors. */
async function layOut(mount: RunMount, folder: string, { sources, options }: MountRooms): Promise<string> {
  const tree = await sources.files(mount.from, mount.source || '/');
  const source = tree.resolve(mount.source);
  const entry = source === undefined ? undefined : tree.get(source);
  if (source === undefined || !entry) throw new MissingSource(mount.source);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const isDirectory = entry.type === 'directory';
  const placed = isDirectory
    ? tree.below(source).flatMap(path => {
        const below = tree.get(path);
        return below ? [{ path: path.slice(source === '' ? 0 : source.length + 1), entry: timed(below) }] : [];
      })
    : [{ path: 'file', entry: timed(entry) }];
  const tar = tree.toTar(placed);
  await options.archive.unpack({ root: folder, path: '/', tar, noOverwriteDirNonDir: false, copyUIDGID: false });
  return isDirectory ? folder : join(folder, 'file');
}

/** Mount points that a container makes in its image, each after those above it: they are none of the step's doing. */
export const mountPoints = (mounts: readonly RunMount[]): string[][] =>
  mounts.map(({ type, target, id, source }) => {
    const defaults: Readonly<Record<string, string>> = {
      secret: `/run/secrets/${id || source}`,
      ssh: `${agentFolder}/ssh_agent.0`,
    };
    return ancestors(target || (defaults[type] ?? ''));
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
