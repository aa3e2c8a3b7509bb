import type { NetfilterConnection } from './connection.ts';
import { decodeAttributes } from './message.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETGEN = 16;
const NFTA_GEN_ID = 1;

/** A number that is another one after every change of the nft rules of this network namespace, whoever made it. */
export function ruleGeneration(connection: NetfilterConnection): number {
  const request = {
    type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN,
    flags: 0,
    head: Buffer.alloc(4), // struct nfgenmsg of no family
    attributes: [],
    subject: 'generation of rules',
  };
  const [message] = connection.query(request, { dump: false });
  return (message && decodeAttributes(message.payload.subarray(4)).get(NFTA_GEN_ID)?.readUInt32BE()) ?? 0;
}
