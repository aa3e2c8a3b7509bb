import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile, writeJsonFileSync } from '../../base/json-file.ts';
import type { RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';
import { fail } from './failure.ts';

/** What is remembered of a container between one command and the next. */
export interface SavedContainer {
  version: 1;
  id: string;
  bundle: string;
  rootDirectory: string;
  pid: number;
  /** Field 22 of proc_pid_stat(5): with the pid it names one process for ever. */
  startTime: string;
  /** RFC 3339. */
  created: string;
  cgroupsPath: string;
  config: RuntimeSpec;
}

const stateFile = 'state.json';

/** A folder for each container below `root`, which does not outlive the machine. */
export class ContainerStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  directory(id: string): string {
    return join(this.#root, id);
  }

  /** Where a child waits for `start`; gone once it has been started. */
  gate(id: string): string {
    return join(this.directory(id), 'exec.fifo');
  }

  /** Takes an id. @throws RuntimeFailure when it is none, or taken */
  reserve(id: string): void {
    if (!/^[\w+.-]+$/.test(id) || id === '.' || id === '..') throw fail('invalid container ID format');
    mkdirSync(this.#root, { recursive: true, mode: 0o711 });
    try {
      mkdirSync(this.directory(id), { mode: 0o711 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      throw fail('container with given ID already exists', error);
    }
  }

  save(container: SavedContainer): void {
    writeJsonFileSync(join(this.directory(container.id), stateFile), container);
  }

  /** @throws RuntimeFailure */
  load(id: string): SavedContainer {
    const saved = id === '' || id.includes('/') ? undefined : readJsonFile(join(this.directory(id), stateFile));
    if (!saved) throw fail('container does not exist');
    return saved as SavedContainer;
  }

  /** One whose creation did not come to its end is none. */
  list(): SavedContainer[] {
    return names(this.#root).flatMap(id => (readJsonFile(join(this.directory(id), stateFile)) as SavedContainer) ?? []);
  }

  remove(id: string): void {
    rmSync(this.directory(id), { recursive: true, force: true });
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** When a process began, in ticks since the machine did; undefined when there is none or it is only waited for. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
