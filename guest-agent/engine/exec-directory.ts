import { join } from 'node:path';

/** `<execRoot>/containers/<id>`: plan, FIFOs and what else ends with the run. On a tmpfs. */
export const execDirectory = (execRoot: string, id: string): string => join(execRoot, 'containers', id);
