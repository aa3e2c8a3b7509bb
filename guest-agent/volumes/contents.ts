import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { conflict } from '../../contracts/errors.ts';
import { populate } from './populate.ts';
import { emptyDirectory, replaceContents } from './replace.ts';
import type { ReplaceRequest, TreeCopier, Volume, VolumeContents, VolumeMounts } from './volumes.ts';

interface Neighbours {
  get(name: string): Volume;
  copier: TreeCopier;
  mounts: VolumeMounts;
}

/** What is in volumes as a whole: out as a tar, in from one, from one volume into another, and away. */
export class Contents implements VolumeContents {
  readonly #room: Neighbours;

  constructor(room: Neighbours) {
    this.#room = room;
  }

  async export(name: string): Promise<Readable> {
    const { mountpoint } = this.#room.get(name);
    const holder = newHolder();
    await this.#room.mounts.hold(name, holder);
    const tar = this.#room.copier.pack({ root: dirname(mountpoint), path: '/_data', rename: '.', exact: true });
    return tar.once('close', () => void this.#room.mounts.release(holder));
  }

  import(name: string, tar: Readable, request: ReplaceRequest): Promise<void> {
    // What is unpacked takes that folder for all there is: its links do not lead to the record beside it.
    const unpack = (root: string): Promise<void> =>
      this.#room.copier.unpack({
        root,
        path: '/',
        tar,
        noOverwriteDirNonDir: false,
        copyUIDGID: false,
        withRoot: true,
      });
    return this.#replace(name, request, unpack);
  }

  empty(name: string, request: Omit<ReplaceRequest, 'replace'>): Promise<void> {
    return this.#replace(name, { ...request, replace: true }, async () => undefined);
  }

  async clone(from: string, to: string): Promise<void> {
    const source = this.#room.get(from).mountpoint;
    const target = this.#room.get(to).mountpoint;
    const holder = newHolder();
    await this.#room.mounts.hold(from, holder);
    try {
      await populate(dirname(target), draft => this.#room.copier.copyTree({ root: source, path: '/', target: draft }));
    } finally {
      await this.#room.mounts.release(holder);
    }
  }

  async #replace(
    name: string,
    { replace, assertFree }: ReplaceRequest,
    fill: (target: string) => Promise<void>,
  ): Promise<void> {
    const { mountpoint } = this.#room.get(name);
    const holder = newHolder();
    assertFree();
    await this.#room.mounts.hold(name, holder);
    try {
      if (!replace && readdirSync(mountpoint).length > 0) {
        throw conflict(`volume ${name} is not empty: ask to replace what is in it`);
      }
      if (!this.#room.mounts.isNeeded(name)) {
        return await replaceContents(dirname(mountpoint), fill, assertFree);
      }
      emptyDirectory(mountpoint);
      await fill(mountpoint);
    } finally {
      await this.#room.mounts.release(holder);
    }
  }
}

const newHolder = (): string => `contents-${randomBytes(4).toString('hex')}`;
