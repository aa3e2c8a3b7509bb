import type { StreamServers } from './bridge.ts';
import { streamEngine } from './engine-stream.ts';
import { streamStats } from './stats-stream.ts';
import { streamTerminal } from './terminal-stream.ts';

/** The streams that come from the engine that answers at `socketOf()` when they are asked. */
export const engineStreams = (
  socketOf: () => string,
  authOf: (reference: string) => Promise<string | undefined>,
): Omit<StreamServers, 'machine' | 'compose' | 'berth' | 'desktop' | 'restoreBackup'> => ({
  engine: (request, stream) => streamEngine(socketOf(), request, stream, authOf),
  terminal: (request, stream) => streamTerminal(socketOf(), request, stream),
  stats: ({ container }, stream) => streamStats(socketOf(), container, stream),
});
