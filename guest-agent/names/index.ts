/**
 * The name service of containers in networks of users, on 127.0.0.11 as Docker's: what the networks know is answered
 * here, everything else by the container's or the host's name servers. Its sockets live in the container's network
 * namespace and are served by this process; an engine that starts again opens them again.
 */
export type { Addresses, NameServer, NameView, Upstream } from './contract.ts';
export { serveNames } from './name-server.ts';
export { serviceAddress } from './sockets.ts';
