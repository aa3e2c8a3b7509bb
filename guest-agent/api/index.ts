/**
 * The Docker Engine API over HTTP, for every Docker client there is. A request goes through `server` (version prefix,
 * headers), `router` (path → declared route), `body` (JSON → typed document), a handler in `routes/` (read, one call on
 * the engine, return) and `answer` (what was returned → bytes, in the way that the route declares). Attach and exec
 * leave HTTP in `hijack`. Nothing here decides about containers; nothing below knows HTTP.
 */

export type { LoadBuilder } from './call.ts';
export { apiVersion, minimumApiVersion } from './compat.ts';
export type { SocketAccess } from './listen.ts';
export { type Api, type ApiOptions, openApi } from './server.ts';
