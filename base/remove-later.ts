import { rm } from 'node:fs/promises';
import { putOff } from './put-off.ts';
import { removeIfSmall } from './remove-small.ts';

/**
 * Removes a tree that nobody looks at any more, when there is time. Resolves when it is gone. A path that is not there is
 * fine.
 */
export const removeLater = (path: string): Promise<void> =>
  putOff(() => (removeIfSmall(path) ? undefined : rm(path, { recursive: true, force: true }))).done;
