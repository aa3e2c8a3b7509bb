import { Nftables } from '../syscalls/nftables.ts';
import {
  type BridgeRules,
  type PortForward,
  publishCommands,
  removeTableCommands,
  replaceCommands,
  tableCommands,
  withdrawCommands,
} from './ruleset.ts';

/** Our nft tables, one for each bridge. Synchronous; every call is one transaction. @throws NftError */
export interface Firewall {
  /** makes or repairs the bridge's table; published ports stay */
  ensureBridge(rules: BridgeRules): void;
  removeBridge(bridge: string): void;
  publish(bridge: string, forwards: readonly PortForward[]): void;
  /** all of `forwards` must be published */
  withdraw(bridge: string, forwards: readonly PortForward[]): void;
  /** makes `forwards` the only ones */
  replace(bridge: string, forwards: readonly PortForward[]): void;
  close(): void;
}

/** In the network namespace of the calling thread. @throws Error when libnftables is not installed */
export function openFirewall(): Firewall {
  const nft = new Nftables();
  return {
    ensureBridge: rules => void nft.run(tableCommands(rules)),
    removeBridge: bridge => void nft.run(removeTableCommands(bridge)),
    publish: (bridge, forwards) => void (forwards.length > 0 && nft.run(publishCommands(bridge, forwards))),
    withdraw: (bridge, forwards) => void (forwards.length > 0 && nft.run(withdrawCommands(bridge, forwards))),
    replace: (bridge, forwards) => void nft.run(replaceCommands(bridge, forwards)),
    close: () => nft.close(),
  };
}
