import type { HttpTarget } from '../../base/http-client.ts';
import type { StreamServers } from './bridge.ts';
import { streamEngine } from './engine-stream.ts';
import { streamStats } from './stats-stream.ts';
import { streamTerminal } from './terminal-stream.ts';

/** The streams that come from the engine that answers at `target()` when they are asked. */
export const engineStreams = (
  target: () => HttpTarget,
  authOf: (reference: string) => Promise<string | undefined>,
): Omit<StreamServers, 'machine' | 'compose' | 'berth' | 'desktop' | 'restoreBackup'> => ({
  engine: (request, stream) => streamEngine(target(), request, stream, authOf),
  terminal: (request, stream) => streamTerminal(target(), request, stream),
  stats: ({ container }, stream) => streamStats(target(), container, stream),
});
