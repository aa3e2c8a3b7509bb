import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Mailbox } from '../../base/mailbox.ts';
import { internal, messageOf } from '../../contracts/errors.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { unmount } from '../syscalls/mount.ts';
import { type DriverMount, describeMount, serverOf, toDriverMount } from './driver-mount.ts';
import { mountHere } from './mount-here.ts';
import type { Volume, VolumeMounts } from './volumes.ts';

/** These wait for nobody. */
const quickTypes = ['none', 'tmpfs', 'bind', ''];

const goErrors: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ENODEV: 'no such device',
  ENOTBLK: 'block device required',
  EINVAL: 'invalid argument',
  EPERM: 'operation not permitted',
  EACCES: 'permission denied',
  ENOTDIR: 'not a directory',
  EBUSY: 'device or resource busy',
  ENXIO: 'no such device or address',
  ENOMEM: 'cannot allocate memory',
  EROFS: 'read-only file system',
  ELOOP: 'too many levels of symbolic links',
  EIO: 'input/output error',
  ETIMEDOUT: 'connection timed out',
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  EPROTONOSUPPORT: 'protocol not supported',
};

/**
 * Volumes that are file systems of their own, mounted on their `_data` while somebody holds them. There, and not on
 * descriptors of ours: containers share one tmpfs, and a mount outlives an engine that dies under them.
 */
export class HeldMounts implements VolumeMounts {
  readonly #find: (name: string) => Volume | undefined;
  readonly #workerFile: string;
  readonly #holders = new Map<string, Set<string>>();
  readonly #mailboxes = new Map<string, Mailbox>();

  constructor(options: { find: (name: string) => Volume | undefined; workerFile: string }) {
    this.#find = options.find;
    this.#workerFile = options.workerFile;
  }

  isNeeded(name: string): boolean {
    return toDriverMount(this.#find(name)?.options ?? {}) !== undefined;
  }

  async hold(name: string, holder: string): Promise<void> {
    const volume = this.#find(name);
    const wanted = toDriverMount(volume?.options ?? {});
    if (!volume || !wanted) return;
    await this.#mailboxOf(name).run(async () => {
      const holders = this.#holdersOf(name);
      if (holders.size === 0) await this.#mount(wanted, volume.mountpoint);
      holders.add(holder);
    });
  }

  adopt(name: string, holder: string): void {
    if (this.isNeeded(name)) this.#holdersOf(name).add(holder);
  }

  async release(holder: string): Promise<void> {
    const held = [...this.#holders].filter(([, holders]) => holders.has(holder)).map(([name]) => name);
    for (const name of held) await this.#mailboxOf(name).run(() => this.#releaseNow(name, holder));
  }

  #releaseNow(name: string, holder: string): void {
    const holders = this.#holdersOf(name);
    const volume = this.#find(name);
    holders.delete(holder);
    if (holders.size > 0) return;
    this.#holders.delete(name);
    if (volume) unmountAll(volume.mountpoint);
  }

  settle(volumes: readonly Volume[]): void {
    for (const { name, mountpoint } of volumes) {
      if (this.isNeeded(name) && this.#holdersOf(name).size === 0) unmountAll(mountpoint);
    }
  }

  #holdersOf(name: string): Set<string> {
    const known = this.#holders.get(name);
    if (known) return known;
    const fresh = new Set<string>();
    this.#holders.set(name, fresh);
    return fresh;
  }

  #mailboxOf(name: string): Mailbox {
    const known = this.#mailboxes.get(name) ?? new Mailbox();
    this.#mailboxes.set(name, known);
    return known;
  }

  async #mount(wanted: DriverMount, target: string): Promise<void> {
    try {
      if (wanted.source === '') throw new Error('missing device in volume options');
      const mount = await resolved(wanted);
      unmountAll(target); // what an engine that died has left there
      await this.#perform(mount, target);
    } catch (error) {
      throw internal(`error while mounting volume '${target}': ${messageOf(error)}`, { cause: error });
    }
  }

  async #perform(mount: DriverMount, target: string): Promise<void> {
    try {
      if (quickTypes.includes(mount.type)) mountHere(mount, target);
      else await once(new Worker(this.#workerFile, { workerData: { mount, target } }), 'exit');
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      const why = goErrors[code] ?? message;
      throw new Error(`failed to mount local volume: ${describeMount(mount, target)}: ${why}`, { cause: error });
    }
  }
}

async function resolved(mount: DriverMount): Promise<DriverMount> {
  const server = serverOf(mount);
  if (!server) return mount;
  try {
    return server.withAddress((await lookup(server.name)).address);
  } catch (error) {
    const why = `lookup ${server.name}: no such host`;
    throw new Error(`error resolving passed in network volume address: ${why}`, { cause: error });
  }
}

/** Everything that is mounted on `target`, also what is in use: whoever has it keeps his own. */
export function unmountAll(target: string): void {
  for (;;) {
    try {
      unmount(target);
    } catch (error) {
      if (isSyscallError(error, 'EINVAL', 'ENOENT')) return; // nothing more
      throw error;
    }
  }
}
