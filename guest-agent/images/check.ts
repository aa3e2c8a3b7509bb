import { finished } from 'node:stream/promises';
import type { ChainId } from '../../contracts/oci/digest.ts';
import { familiar } from '../../contracts/oci/reference.ts';
import type { Archive } from '../archive/index.ts';
import type { ContentStore } from '../content/index.ts';
import type { Snapshots } from '../snapshots/index.ts';
import type { ImageRecord, LayerBlob } from './image.ts';
import type { ImageIndex } from './image-index.ts';
import { contentsOf, LayerArchives } from './layer-archives.ts';
import { parseConfig } from './manifests.ts';
import { dropImage } from './platforms-record.ts';

export interface CheckRooms {
  index: ImageIndex;
  content: ContentStore;
  snapshots: Snapshots;
  archive: Archive;
}

/** One thing that was wrong, for a person; `lost` when it takes a pull to have it back. */
export interface Finding {
  what: string;
  lost: boolean;
}

/**
 * Looks for what a power cut, a bad disk or a curious hand could leave among images, and mends it: bytes that are not
 * those that their name says go; a layer that is missing or has other files than it should is unpacked again where its
 * blob is kept; an image that cannot be made whole is forgotten, so that a pull brings it anew. Nobody else may use the store.
 */
export async function checkImages(rooms: CheckRooms): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { putAside } = rooms.index;
  if (putAside) findings.push({ what: `the list of images could not be read, and is now ${putAside}`, lost: true });
  for (const digest of await rooms.content.removeDamaged()) {
    findings.push({ what: `${digest}: the bytes were others than its name says; removed`, lost: false });
  }
  const damaged = new Set([...(await rooms.snapshots.damagedLayers()), ...(await changedLayers(rooms))]);
  for (const record of rooms.index.state.images.values()) findings.push(...(await checkImage(record, damaged, rooms)));
  return findings;
}

async function checkImage(record: ImageRecord, damaged: Set<ChainId>, rooms: CheckRooms): Promise<Finding[]> {
  const { index, content } = rooms;
  const name = index.namesOf(record.id).map(familiar)[0] ?? record.id;
  const findings: Finding[] = [];
  if (!content.has(record.id)) return [await forget(record, name, 'its configuration is gone', index)];
  const diffIds = parseConfig(content.readSync(record.id)).rootfs.diff_ids;
  if (diffIds.length !== record.layers.length) return [await forget(record, name, 'its layers are not known', index)];
  for (const [position, layer] of record.layers.entries()) {
    const below = record.layers[position - 1]?.chainId;
    if (rooms.snapshots.hasLayer(layer.chainId) && !damaged.has(layer.chainId)) continue;
    if (!content.has(layer.digest)) {
      await rooms.snapshots.markDamaged(layer.chainId);
      return [...findings, await forget(record, name, `layer ${position + 1} is gone or damaged`, index)];
    }
    await unpackAgain(layer, below, rooms);
    damaged.delete(layer.chainId);
    findings.push({ what: `${name}: layer ${position + 1} was missing or damaged; unpacked again`, lost: false });
  }
  const archives = new LayerArchives(rooms);
  const packed = record.layers.filter(layer => !archives.has(layer)).length;
  if (packed > 0) {
    findings.push({
      what: `${name}: ${packed} packed layers are gone: it runs, but pull it to save or push it`,
      lost: true,
    });
  }
  return findings;
}

/** Layers whose files no longer give back what they came of. Reads all of them. */
async function changedLayers({ snapshots, archive }: CheckRooms): Promise<ChainId[]> {
  const changed: ChainId[] = [];
  for (const { chainId } of snapshots.layers()) {
    const made = snapshots.packedFrom(chainId);
    if (!made) continue;
    try {
      await finished(archive.rebuildLayer(made).resume());
    } catch {
      changed.push(chainId);
    }
  }
  return changed;
}

async function unpackAgain(layer: LayerBlob, parent: ChainId | undefined, { content, snapshots, archive }: CheckRooms) {
  const draft = await snapshots.prepareLayer();
  try {
    const { compression, digest } = layer;
    const { directory: target, recipe } = draft;
    const unpacked = await archive.unpackLayer({ blob: content.pathOf(digest), compression, target, recipe });
    await draft.replace({ chainId: layer.chainId, parent, ...contentsOf(unpacked) });
  } catch (error) {
    await draft.abort();
    throw error;
  }
}

async function forget({ id }: ImageRecord, name: string, why: string, index: ImageIndex): Promise<Finding> {
  await index.update(draft => dropImage(draft, id));
  return { what: `${name}: ${why}; forgotten, pull it again`, lost: true };
}
