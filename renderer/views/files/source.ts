import {
  archiveRead,
  archiveRemove,
  archiveWrite,
  containerChanges,
  containerCreate,
  containerRemove,
  containerStart,
  containerWait,
} from '../../../contracts/docker/container-routes.ts';
import { invalidArgument, messageOf, unavailable } from '../../../contracts/errors.ts';
import {
  type FileEntry,
  folderOf,
  type Owner,
  parseFileList,
  type TarEntry,
  TarReader,
  tarOf,
} from '../../model/index.ts';
import { engine, runIn, t, useContainers, useImages, useTasks } from '../../stores/index.ts';
import { debugImage } from '../containers/debug-shell.ts';
import type { VolumeUser } from '../volumes/usage.ts';

export interface OpenedFile extends Owner {
  bytes: Uint8Array<ArrayBuffer>;
}

/** Files that can be looked at: of a container, or of a volume. Paths begin with `/` and end without. */
export interface FileSource {
  list(folder: string): Promise<FileEntry[]>;
  read(path: string): Promise<OpenedFile>;
  write(folder: string, name: string, bytes: Uint8Array, owner?: Owner): Promise<void>;
  /** A folder as a tar, into a file of the user's. @throws EngineError */
  download(folder: string, fileName: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** What differs from the image, by path: 0 changed, 1 added, 2 deleted. */
  changes?(): Promise<ReadonlyMap<string, number>>;
}

/** A folder is listed from its tar only so far, in bytes: what is larger is listed by a program in the container. */
const mostListed = 256 << 20;
/** Files larger than this are downloaded, not opened, in bytes. */
export const mostOpened = 2 << 20;

/** The entries of a folder by its tar, which goes past: for containers that stand still, and images without `ls`. */
function listByTar(id: string, folder: string): Promise<FileEntry[]> {
  const { promise, resolve, reject } = Promise.withResolvers<FileEntry[]>();
  const entries: TarEntry[] = [];
  const reader = new TarReader(entry => void entries.push(entry));
  let bytes = 0;
  const stream = engine.open(
    archiveRead,
    { path: { ref: id }, query: { path: `${folder}/.` } },
    {
      bytes: part => {
        reader.push(part);
        bytes += part.length;
        if (bytes < mostListed) return;
        stream.cancel();
        reject(unavailable(t().files.tooMuch));
      },
      ended: error => {
        if (error) reject(error);
        else resolve(folderOf(entries, ''));
      },
    },
  );
  return promise;
}

async function listByProgram(id: string, folder: string): Promise<FileEntry[]> {
  const { output, exitCode } = await runIn(id, ['ls', '-lA', '--full-time', '--', `${folder}/`]);
  const entries = parseFileList(output);
  if (exitCode !== 0 && entries.length === 0) throw invalidArgument(output.trim());
  return entries;
}

/** The files of a container; `base` is the folder of it that is `/` here. */
export function containerFiles(id: string, running: boolean, base = ''): FileSource {
  const at = (path: string): string => base + (path === '/' ? '' : path);
  return {
    list: async folder => {
      if (!running) return listByTar(id, at(folder));
      // what the program says is the answer, unless there is no such program
      return listByProgram(id, at(folder)).catch(error =>
        /executable file not found|no such file or directory: unknown/.test(messageOf(error))
          ? listByTar(id, at(folder))
          : Promise.reject(error),
      );
    },
    read: path => readFile(id, at(path)),
    write: async (folder, name, bytes, owner) => {
      const query = { path: at(folder) || '/' };
      await engine.collect(archiveWrite, { path: { ref: id }, query }, new Blob([tarOf(name, bytes, owner)])).promise;
    },
    download: (folder, fileName) =>
      useTasks().save(
        t().tasks.save(fileName),
        archiveRead,
        { path: { ref: id }, query: { path: at(folder) } },
        fileName,
      ),
    remove: running
      ? async path => {
          const { output, exitCode } = await runIn(id, ['rm', '-rf', '--', at(path)]);
          if (exitCode !== 0) throw invalidArgument(output.trim());
        }
      : path => removeAtRest(id, at(path)),
    ...(base === '' && {
      changes: async () => {
        const all = (await engine.json(containerChanges, { path: { ref: id } })) ?? [];
        return new Map(all.map(({ Path, Kind }) => [Path, Kind]));
      },
    }),
  };
}

/** @throws EngineError, in our words where the engine is another than Berth's: Docker's cannot do it */
async function removeAtRest(id: string, path: string): Promise<void> {
  try {
    await engine.json(archiveRemove, { path: { ref: id }, query: { path } });
  } catch (error) {
    throw /page not found|method not allowed/i.test(messageOf(error)) ? unavailable(t().files.needsRunning) : error;
  }
}

/** One file, whole. */
function readFile(id: string, path: string): Promise<OpenedFile> {
  const { promise, resolve, reject } = Promise.withResolvers<OpenedFile>();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let found: TarEntry | undefined;
  const reader = new TarReader(entry => {
    if (entry.kind !== 'file' || found) return undefined;
    found = entry;
    return part => void parts.push(new Uint8Array(part));
  });
  engine.open(
    archiveRead,
    { path: { ref: id }, query: { path } },
    {
      bytes: part => reader.push(part),
      ended: error => {
        if (error) reject(error);
        else if (!found) reject(invalidArgument(t().files.noFile(path)));
        else void new Blob(parts).bytes().then(bytes => resolve({ ...(found as TarEntry), bytes }));
      },
    },
  );
  return promise;
}

/**
 * The files of a volume: through a container that runs with it; else through one that is made for each look and never
 * started, of any image that is here.
 */
export function volumeFiles(volume: string, user: VolumeUser | undefined): FileSource {
  if (user) return containerFiles(user.id, true, user.path.replace(/\/+$/, ''));
  const through =
    <Args extends unknown[], Result>(work: (files: FileSource) => (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      await useImages().ready();
      const Image = useImages().items[0]?.Id;
      if (!Image) throw unavailable(t().files.needsImage);
      const HostConfig = { Binds: [`${volume}:/volume`], NetworkMode: 'none' };
      const Labels = { [useContainers().helperLabel]: 'files' };
      const { Id } = await engine.json(containerCreate, { body: { Image, Cmd: ['/'], Labels, HostConfig } });
      try {
        return await work(containerFiles(Id, false, '/volume'))(...args);
      } finally {
        await engine.json(containerRemove, { path: { ref: Id }, query: { force: true } });
      }
    };
  return {
    list: through(files => files.list),
    read: through(files => files.read),
    write: through(files => files.write),
    download: through(files => files.download),
    remove: path => removeInVolume(volume, path),
  };
}

/** Nothing of the API deletes a file: a program does it, in a container that is there only for that. */
async function removeInVolume(volume: string, path: string): Promise<void> {
  await useImages().ready();
  const Image = debugImage();
  if (!Image) throw unavailable(t().files.needsProgram);
  const body = {
    ...{ Image, Entrypoint: ['rm'], Cmd: ['-rf', '--', `/volume${path}`], User: '0' },
    Labels: { [useContainers().helperLabel]: 'files' },
    HostConfig: { Binds: [`${volume}:/volume`], NetworkMode: 'none' },
  };
  const { Id } = await engine.json(containerCreate, { body });
  const ref = { path: { ref: Id } };
  try {
    await engine.json(containerStart, ref).catch((error: unknown) => {
      throw /executable file not found/.test(messageOf(error)) ? unavailable(t().files.needsProgram) : error;
    });
    await engine.json(containerWait, ref);
  } finally {
    await engine.json(containerRemove, { ...ref, query: { force: true } });
  }
}
