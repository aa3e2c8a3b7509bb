import { createHash } from 'node:crypto';
import type { ChainId, DiffId, Digest } from '../../contracts/oci/digest.ts';

/** sha256 of `bytes`. */
export const digestOf = (bytes: Buffer | string): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;

/** The chain id of each layer with all that is below it, lowest first (OCI image specification, config.md#layer-chainid). */
export function chainIdsOf(diffIds: readonly DiffId[]): ChainId[] {
  const chain: ChainId[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push((below ? digestOf(`${below} ${diffId}`) : diffId) as Digest as ChainId);
  }
  return chain;
}
