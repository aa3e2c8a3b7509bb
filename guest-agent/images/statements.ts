import { type Descriptor, mediaTypes } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import { digestOf } from './chain-ids.ts';
import { statementFor, statementKind } from './index-documents.ts';

/** What somebody says of an image, once its manifest has a name (in-toto's Statement). */
export type StatementOf = (manifest: Digest) => { predicateType: string };

/** A statement as it travels: like an image of one layer, for no platform (BuildKit, attestation-storage.md). */
export interface StatementDocuments {
  /** For the index that names the image, too. */
  descriptor: Descriptor;
  manifest: Buffer;
  /** What the manifest names. */
  blobs: Buffer[];
}

export function statementDocuments(statementOf: StatementOf, about: Digest): StatementDocuments {
  const statement = statementOf(about);
  const said = Buffer.from(JSON.stringify(statement));
  const platform = { architecture: 'unknown', os: 'unknown' };
  const layer = {
    mediaType: 'application/vnd.in-toto+json',
    digest: digestOf(said),
    size: said.length,
    annotations: { 'in-toto.io/predicate-type': statement.predicateType },
  };
  const rootfs = { type: 'layers', diff_ids: [layer.digest] };
  const config = Buffer.from(JSON.stringify({ ...platform, config: {}, rootfs }));
  const mediaType = mediaTypes.ociManifest;
  const described = { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.length };
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config: described, layers: [layer] }));
  const annotations = { [statementFor]: about, [statementKind]: 'attestation-manifest' };
  const descriptor = { mediaType, digest: digestOf(manifest), size: manifest.length, annotations, platform };
  return { descriptor, manifest, blobs: [config, said] };
}
