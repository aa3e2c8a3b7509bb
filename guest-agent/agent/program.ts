import { dirname, join } from 'node:path';

/** The agent's version; `docker version` shows it as the engine's. */
export const version = '0.1.0';

/** The other programs: beside the agent when bundled, else in their rooms. */
export function programFile(bundled: string, source: string): string {
  const here = import.meta.filename;
  return here.endsWith('.ts') ? join(dirname(here), '..', source) : join(dirname(here), bundled);
}
