import { httpOpen } from '../../base/http-client.ts';
import { linesOf } from '../../base/lines.ts';
import type { EventMessage } from '../../contracts/docker/events.ts';

const shortestPauseMs = 1000;
const longestPauseMs = 30_000;

/** Gives out the events of the engine at `socketPath`, now and after it was away, until the signal. */
export async function followEvents(
  socketPath: string,
  take: (event: EventMessage) => void,
  signal: AbortSignal,
): Promise<void> {
  let pauseMs = shortestPauseMs;
  while (!signal.aborted) {
    try {
      const answer = await httpOpen({ socketPath }, 'GET', '/events', { signal });
      answer.on('error', () => undefined);
      pauseMs = shortestPauseMs;
      for await (const line of linesOf(answer)) if (line.trim() !== '') take(JSON.parse(line) as EventMessage);
    } catch {
      // an engine that is away is asked again, ever more seldom
    }
    if (!signal.aborted) await new Promise(resolve => setTimeout(resolve, pauseMs).unref());
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }
}
