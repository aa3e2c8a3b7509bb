/**
 * Room `dashboard`: serves the window's side of the bridge. It knows where the engine's socket is, and asks its owner for
 * everything else; a browser reaches it over HTTP on loopback, Electron's window over a message port.
 */
export { contentSecurityPolicy } from './assets.ts';
export { type BridgeServers, type CallServers, type StreamServers, serveBridge } from './bridge.ts';
export type { Channel } from './channel.ts';
export { type Composer, openComposer } from './compose.ts';
export { followEvents } from './engine-events.ts';
export { engineStreams } from './engine-streams.ts';
export { endOf, streamProgram } from './program-stream.ts';
export { openRegistries, type Registries } from './registries.ts';
export { type Dashboard, serveDashboard } from './server.ts';
export type { ServedStream } from './stream.ts';
