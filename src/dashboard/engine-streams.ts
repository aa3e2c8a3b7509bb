import type { StreamServers } from './bridge.ts';
import { streamEngine } from './engine-stream.ts';
import { streamStats } from './stats-stream.ts';
import { streamTerminal } from './terminal-stream.ts';

/** The streams that come from the engine at `socketPath`. */
export const engineStreams = (socketPath: string): Omit<StreamServers, 'machine' | 'compose'> => ({
  engine: (request, stream) => streamEngine(socketPath, request, stream),
  terminal: (request, stream) => streamTerminal(socketPath, request, stream),
  stats: ({ container }, stream) => streamStats(socketPath, container, stream),
});
