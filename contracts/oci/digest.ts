import type { Brand } from '../brand.ts';
import { invalidArgument } from '../errors.ts';

/** `sha256:` and 64 hexadecimal digits (OCI image specification, descriptor.md#digests). */
export type Digest = Brand<string, 'Digest'>;
/** Digest of a layer's uncompressed tar (OCI image specification, config.md#layer-diffid). */
export type DiffId = Brand<Digest, 'DiffId'>;
/** Digest of a stack of layers (OCI image specification, config.md#layer-chainid). */
export type ChainId = Brand<Digest, 'ChainId'>;

const pattern = /^sha256:[0-9a-f]{64}$/;

/** True when `text` is a digest that we can verify. */
export const isDigest = (text: string): text is Digest => pattern.test(text);

/** @throws invalid-argument when `text` is not a sha256 digest. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw invalidArgument(`invalid checksum digest format: ${text}`);
  return text;
}

/** The 64 digits after the algorithm. */
export const hexOf = (digest: Digest): string => digest.slice('sha256:'.length);
