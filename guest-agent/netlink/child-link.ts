import { newLink } from './link.ts';
import { type Request, u16, u32 } from './message.ts';

const IFLA_MACVLAN_MODE = 1;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;
const IFLA_VLAN_ID = 1;

/** How links that share a parent treat each other (`MACVLAN_MODE_…`). */
export const macvlanModes = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
/** At which layer links that share a parent are told apart (`IPVLAN_MODE_…`), and how they treat each other (`IPVLAN_F_…`). */
export const ipvlanModes = { l2: 0, l3: 1, l3s: 2 } as const;
export const ipvlanFlags = { bridge: 0, private: 1, vepa: 2 } as const;

/** A link that lives on another one, `parent`, and is born in the network namespace `namespace` (a descriptor). */
export interface ChildLink {
  name: string;
  parent: number;
  namespace: number;
}

/** A link with a MAC address of its own. */
export const addMacvlan = (link: ChildLink, mode: keyof typeof macvlanModes): Request =>
  newLink('macvlan', link, [[IFLA_MACVLAN_MODE, u32(macvlanModes[mode])]]);

/** A link with its parent's MAC address, told apart by its IP addresses. */
export const addIpvlan = (link: ChildLink, mode: keyof typeof ipvlanModes, flag: keyof typeof ipvlanFlags): Request =>
  newLink('ipvlan', link, [
    [IFLA_IPVLAN_MODE, u16(ipvlanModes[mode])],
    [IFLA_IPVLAN_FLAGS, u16(ipvlanFlags[flag])],
  ]);

/** What of `parent` has the tag `id` (802.1Q), as a link of its own. */
export const addVlan = (link: { name: string; parent: number; id: number }): Request => {
  const { id, ...rest } = link;
  return newLink('vlan', { ...rest, up: true }, [[IFLA_VLAN_ID, u16(id)]]);
};

/** A link that leads nowhere. */
export const addDummy = (name: string): Request => newLink('dummy', { name, up: true }, []);
