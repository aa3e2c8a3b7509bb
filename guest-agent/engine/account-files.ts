import { closeSync, constants, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { ChainId } from '../../contracts/oci/digest.ts';
import type { Snapshots } from '../snapshots/index.ts';
import { openRegular, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, toBytes } from '../syscalls/file.ts';
import { isSyscallError } from '../syscalls/libc.ts';

/** The texts by which names of users and groups become numbers; empty when the container has none. */
export interface AccountFiles {
  passwd: string;
  group: string;
}

/** What is longer is cut: 4 MiB. Most fit into one piece. */
const pieceBytes = 16 << 10;
const mostPieces = 256;

/** Reads /etc/passwd and /etc/group as a process with this root would see them; no link leads out. */
export function readAccountFiles(rootPath: string): AccountFiles {
  const root = openSync(rootPath, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return { passwd: readInRoot(root, 'etc/passwd'), group: readInRoot(root, 'etc/group') };
  } finally {
    closeSync(root);
  }
}

function readInRoot(root: number, path: string): string {
  const file = findInRoot(root, path);
  if (file === undefined) return '';
  try {
    const pieces: Buffer[] = [];
    for (let count = 0; count < mostPieces; count++) {
      const piece = Buffer.allocUnsafe(pieceBytes);
      const length = readSync(file, piece);
      if (length === 0) break;
      pieces.push(piece.subarray(0, length));
    }
    return Buffer.concat(pieces).toString();
  } finally {
    closeSync(file);
  }
}

/** An image may have a FIFO by that name, or a device whose mere opening does something to the machine. */
function findInRoot(root: number, path: string): number | undefined {
  try {
    return openRegular(root, toBytes(path), RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  } catch (error) {
    if (isSyscallError(error)) return undefined;
    throw error;
  }
}

/** Containers whose image says the same and that changed nothing in /etc share one reading: no mount per start. */
export class AccountCache {
  readonly #byImage = new Map<ChainId, AccountFiles>();
  readonly #snapshots: Snapshots;

  constructor(snapshots: Snapshots) {
    this.#snapshots = snapshots;
  }

  /** The files of a container that does not run. */
  read(id: string, image: ChainId | undefined): AccountFiles {
    const shared = image !== undefined && !this.#hasOwnEtc(id) ? image : undefined;
    const known = shared && this.#byImage.get(shared);
    if (known) return known;
    const root = this.#snapshots.open(id);
    try {
      const files = readAccountFiles(root.path);
      if (shared) this.#byImage.set(shared, files);
      return files;
    } finally {
      root.close();
    }
  }

  #hasOwnEtc(id: string): boolean {
    return readdirSync(join(this.#snapshots.rootfs(id).upperdir)).some(name => name === 'etc');
  }
}
