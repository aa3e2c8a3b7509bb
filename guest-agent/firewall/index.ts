/** Masquerading and published ports, in nft tables of our own. */
export { type Firewall, openFirewall } from './firewall.ts';
export { legacyTables } from './legacy.ts';
export type { BridgeRules, PortForward } from './ruleset.ts';
