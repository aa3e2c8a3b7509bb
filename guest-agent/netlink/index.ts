/** The kernel's links, addresses and routes, in process: requests are data, a connection performs them. */
export { addAddress, type LinkAddress, listAddresses, removeAddress } from './address.ts';
export {
  addDummy,
  addIpvlan,
  addMacvlan,
  addVlan,
  type ChildLink,
  ipvlanFlags,
  ipvlanModes,
  macvlanModes,
} from './child-link.ts';
export { NetfilterConnection, RouteConnection } from './connection.ts';
export { forgetDatagrams } from './conntrack.ts';
export { inetBytes, inetText } from './inet.ts';
export {
  addBridge,
  addPair,
  changeLink,
  configurePort,
  disablePort,
  findLink,
  type Link,
  type LinkStatistics,
  listLinks,
  macText,
  removeLink,
} from './link.ts';
export type { Request } from './message.ts';
export { listRoutes, type Route, setRoute } from './route.ts';
export { ruleGeneration } from './rule-generation.ts';
