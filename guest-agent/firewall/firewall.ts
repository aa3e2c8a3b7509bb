import { Nftables, NftError } from '../syscalls/nftables.ts';
import { admissionCommands, dismissalCommands, type Listing, type Place, placesIn } from './foreign.ts';
import { admitInLegacy, dismissInLegacy } from './legacy.ts';
import {
  type BridgeRules,
  familyOf,
  type PortForward,
  publishCommands,
  removeTableCommands,
  replaceCommands,
  tableCommands,
  tableOf,
  withdrawCommands,
} from './ruleset.ts';

/** Our nft tables, one for each bridge. Synchronous; every call is one transaction. @throws NftError */
export interface Firewall {
  /** makes or repairs the bridge's table; published ports stay */
  ensureBridge(rules: BridgeRules): void;
  removeBridge(bridge: string): void;
  /** of these bridges, those without their tables: anybody may flush all rules */
  missing(bridges: readonly string[]): string[];
  /** sees to it that nobody else's chains drop what these bridges forward; of others that we marked once, `gone` ones go */
  admit(bridges: readonly string[], gone: (bridge: string) => boolean): void;
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
  const rulesOf = new Map<string, BridgeRules>();
  /** A container may have an address of IPv6 from before its network had to do without: there is no table for it. */
  const ruled = (bridge: string, forwards: readonly PortForward[]): readonly PortForward[] => {
    const rules = rulesOf.get(bridge);
    return !rules || rules.subnet6 ? forwards : forwards.filter(({ address }) => familyOf(address) === 'ip');
  };
  const change = (commands: typeof publishCommands, bridge: string, forwards: readonly PortForward[]): void => {
    const wanted = ruled(bridge, forwards);
    if (wanted.length > 0) nft.run(commands(bridge, wanted));
  };
  return {
    ensureBridge: rules => {
      nft.run(tableCommands(rules));
      // An engine that died may have had IPv6 in it.
      if (!rules.subnet6 && tablesIn(nft).has(tableOf(rules.bridge, 'ip6')))
        nft.run(removeTableCommands(rules.bridge, 'ip6'));
      rulesOf.set(rules.bridge, rules);
    },
    removeBridge: bridge => {
      nft.run(removeTableCommands(bridge));
      if (rulesOf.get(bridge)?.subnet6) nft.run(removeTableCommands(bridge, 'ip6'));
      rulesOf.delete(bridge);
      changePlaces(nft, { everywhere: true }, (place, rules) =>
        dismissalCommands(place, rules, name => name === bridge),
      );
      dismissInLegacy(bridge);
    },
    missing: bridges => {
      const present = tablesIn(nft);
      const isWhole = (bridge: string): boolean =>
        present.has(tableOf(bridge)) && (!rulesOf.get(bridge)?.subnet6 || present.has(tableOf(bridge, 'ip6')));
      return bridges.filter(bridge => !isWhole(bridge));
    },
    admit: (bridges, gone) => {
      changePlaces(nft, { everywhere: true }, (place, rules) => dismissalCommands(place, rules, gone));
      changePlaces(nft, {}, (place, rules) => admissionCommands(place, rules, bridges));
      admitInLegacy(bridges, gone);
    },
    publish: (bridge, forwards) => change(publishCommands, bridge, forwards),
    withdraw: (bridge, forwards) => change(withdrawCommands, bridge, forwards),
    replace: (bridge, forwards) =>
      void nft.run(
        replaceCommands(rulesOf.get(bridge) ?? { bridge, internal: false, masquerade: false }, ruled(bridge, forwards)),
      ),
    close: () => nft.close(),
  };
}

/** As {@link tableOf} calls them. */
const tablesIn = (nft: Nftables): ReadonlySet<string> =>
  new Set((nft.list('list tables') as Listing).nftables.map(({ table }) => `${table?.family} ${table?.name}`));

/** Somebody else's chains, each changed in one transaction. One that goes away meanwhile needs none, nor one that only its owner may change. */
function changePlaces(
  nft: Nftables,
  which: { everywhere?: boolean },
  commandsFor: (place: Place, rules: Listing) => string[],
): void {
  for (const place of placesIn(nft.list('list chains') as Listing, which)) {
    try {
      const commands = commandsFor(place, nft.list(`list chain ${place.chain}`) as Listing);
      if (commands.length > 0) nft.run(commands.join('\n'));
    } catch (error) {
      if (!(error instanceof NftError && /No such file or directory|Operation not permitted/.test(error.message)))
        throw error;
    }
  }
}
