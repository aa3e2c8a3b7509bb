import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Image } from '../images/index.ts';
import type { BuilderOptions } from './contract.ts';
import { rewritten, type SkipMember } from './rewritten-tar.ts';

/** The root of a step's parent, opened for writing. */
export interface StepRoot {
  path: string;
}

/** What a step's layer stands on, and what history says of it. */
export interface StepOutput {
  parent: Image | undefined;
  createdBy: string;
  /** No file is younger. */
  epoch: Date | undefined;
}

/** Makes a step's layer: `fill` writes into the root, and what it changed is the layer. */
export async function layerOf(
  { parent, createdBy, epoch }: StepOutput,
  options: Pick<BuilderOptions, 'snapshots' | 'archive' | 'images'>,
  fill: (root: StepRoot) => Promise<void>,
): Promise<Image> {
  const { snapshots, archive } = options;
  const id = `build-${randomBytes(12).toString('hex')}`;
  await snapshots.prepare(id, parent?.topChainId);
  try {
    const root = snapshots.open(id, { writable: true });
    try {
      await fill({ path: root.path });
    } finally {
      root.close();
    }
    const changes = await snapshots.openChanges(id);
    try {
      const tar = archive.pack({ root: changes.path, path: '/', contentsOnly: true, asLayer: true });
      return await commitStep({ parent, tar, createdBy, epoch }, options);
    } finally {
      changes.close();
    }
  } finally {
    await snapshots.remove(id);
  }
}

/** A step's image: layers, and nothing that an image says of how it runs. */
export function commitStep(
  { parent, tar, createdBy, epoch, skip }: StepOutput & { tar: Readable; skip?: SkipMember },
  { images }: Pick<BuilderOptions, 'images'>,
): Promise<Image> {
  const { architecture = process.arch === 'arm64' ? 'arm64' : 'amd64', os = 'linux', variant } = parent?.config ?? {};
  const created = (epoch ?? new Date()).toISOString();
  return images.commitLayer({
    parent,
    tar: epoch || skip ? rewritten(tar, { ...(epoch ? { epoch } : {}), ...(skip ? { skip } : {}) }) : tar,
    config: { architecture, os, ...(variant ? { variant } : {}), created },
    step: { created, created_by: createdBy },
    intermediate: true,
  });
}

/** Unpacks a tar at the root. */
export const fillWith =
  (tar: (root: StepRoot) => Promise<Readable>, { archive }: Pick<BuilderOptions, 'archive'>) =>
  async (root: StepRoot): Promise<void> =>
    archive.unpack({
      root: root.path,
      path: '/',
      tar: await tar(root),
      noOverwriteDirNonDir: false,
      copyUIDGID: false,
    });
