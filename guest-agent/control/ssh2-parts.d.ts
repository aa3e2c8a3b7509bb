/** The parts of ssh2 that a server needs. Its door also loads a client, an agent and a key maker: a tenth of the agent's start. */
declare module 'ssh2/lib/server.js' {
  import type { Server } from 'ssh2';

  const server: typeof Server;
  export = server;
}
declare module 'ssh2/lib/protocol/keyParser.js' {
  import type { ParsedKey } from 'ssh2';

  const parser: { parseKey(key: string): ParsedKey | ParsedKey[] | Error };
  export = parser;
}
