import { statSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile } from '../../base/json-file.ts';
import { invalidArgument, messageOf, notFound } from '../../contracts/errors.ts';

export type Arch = 'amd64' | 'arm64';

/** The architecture of machines on this computer. */
export const ownArch = (nodeArch: string = process.arch): Arch => (nodeArch === 'arm64' ? 'arm64' : 'amd64');

export interface ImageFile {
  sha256: string;
  size: number;
}

/** `image.json`, written by vm-image. */
export interface ImageManifest {
  version: number;
  arch: Arch;
  digest: string;
  kernel: string;
  files: Record<'vmlinux' | 'initramfs' | 'root', ImageFile>;
  cmdline: string;
}

export interface MachineImage {
  manifest: ImageManifest;
  kernel: string;
  initramfs: string;
  rootDisk: string;
}

const fileNames = { vmlinux: 'vmlinux', initramfs: 'initramfs', root: 'root.ext4' } as const;

/** The image in `folder`, checked to be whole by its files' sizes (digests are checked when it is built or fetched). @throws not-found */
export function readImage(folder: string, arch: Arch): MachineImage {
  const manifest = readManifest(join(folder, 'image.json'));
  if (manifest.arch !== arch)
    throw invalidArgument(`The machine image in ${folder} is for ${manifest.arch}, not ${arch}`);
  const path = (file: keyof typeof fileNames): string => {
    const full = join(folder, fileNames[file]);
    const size = statSync(full, { throwIfNoEntry: false })?.size;
    if (size !== manifest.files[file].size) throw invalidArgument(`The machine image is damaged: ${full} is not whole`);
    return full;
  };
  return { manifest, kernel: path('vmlinux'), initramfs: path('initramfs'), rootDisk: path('root') };
}

function readManifest(file: string): ImageManifest {
  let document: unknown;
  try {
    document = readJsonFile(file);
  } catch (cause) {
    throw invalidArgument(`The machine image is damaged: ${file}: ${messageOf(cause)}`, { cause });
  }
  if (document === undefined) throw notFound('There is no machine image yet');
  return document as ImageManifest;
}
