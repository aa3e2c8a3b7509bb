import { closeSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { quarantine } from '../../base/json-file.ts';
import { appendDocument, openDocument, readLastDocument } from '../../base/json-lines.ts';
import type { Log } from '../../base/log.ts';
import { removeLater } from '../../base/remove-later.ts';
import { syncAndClose, syncFolder } from '../../base/sync.ts';
import type { ContainerId } from '../../contracts/brand.ts';
import type {
  ContainerConfig,
  HealthDocument,
  HostConfig,
  NetworkingConfig,
} from '../../contracts/docker/containers.ts';
import type { ChainId, Digest } from '../../contracts/oci/digest.ts';
import type { SandboxRecord } from '../networks/index.ts';
import type { PlannedMount } from '../volumes/index.ts';
import type { ContainerState } from './container-state.ts';
import type { ContainerLink } from './links.ts';

/**
 * All that is remembered of a container, as `<root>/containers/<id>/container.jsonl`, whose last line counts.
 *
 * What is durable when: *create* is on the disk before the client hears of it (fsync of the file, which takes its name
 * along on every file system with a journal, and of the folder it was moved to), and so is a change the user asks for
 * (rename, update, a stop that holds a restart policy back). The *exit code* is on the disk before `wait` answers, for it
 * cannot be found out again, unless the container is removed with its end. *Start* is written without fsync: a killed
 * engine reads it back from the page cache, and after a power cut nothing runs any more; only with a restart policy does
 * "it was started" outlive the machine, so there it is synced.
 * A *removal* syncs the parent folder once the record's folder has left it.
 */
export interface ContainerRecord {
  version: 1;
  id: ContainerId;
  /** Without a slash. */
  name: string;
  createdAt: string;
  image: { id: Digest; reference: string; topChainId?: ChainId; os: string };
  /** Image and request merged. */
  config: ContainerConfig;
  /** With every default filled in. */
  hostConfig: HostConfig;
  networkingConfig: NetworkingConfig;
  /** `--link` to others of the default network. */
  links?: ContainerLink[];
  /** Volumes by their names, in order of destination. */
  mounts: PlannedMount[];
  /** Volumes without a name of the user's: they go with `rm -v` and `--rm`. */
  anonymousVolumes: string[];
  state: ContainerState;
  restartCount: number;
  /** `docker stop` or `kill`: the restart policy holds still until the next start. */
  manuallyStopped: boolean;
  /** Once a container with a health check has been started; on the disk as of its last change of status. */
  health?: HealthDocument;
  /** The network as of the last start; kept while the process lives. */
  sandbox?: SandboxRecord;
  /** The published ports as of the last start. */
  ports?: Record<string, { HostIp: string; HostPort: string }[] | null>;
}

const fileName = 'container.jsonl';

/** The records' folder, `<root>/containers`. */
export class RecordStore {
  readonly #root: string;
  readonly #quarantine: string;
  readonly #log: Log;

  constructor(root: string, log: Log) {
    this.#root = join(root, 'containers');
    this.#quarantine = join(root, 'quarantine');
    this.#log = log;
    mkdirSync(this.#root, { recursive: true, mode: 0o710 });
  }

  /** `<root>/containers/<id>`: record, log, hosts, resolv.conf, hostname. */
  directory(id: ContainerId): string {
    return join(this.#root, id);
  }

  /** A new container: its folder and record are durable when this resolves; both are synced at once, for one turn of the disk. */
  async create(record: ContainerRecord): Promise<void> {
    const draft = join(this.#root, `.new-${record.id}`);
    mkdirSync(draft, { mode: 0o710 });
    try {
      const files = [openDocument(join(draft, fileName), record)];
      try {
        files.push(openSync(this.#root, 'r'));
        renameSync(draft, this.directory(record.id));
      } catch (error) {
        for (const file of files) closeSync(file);
        throw error;
      }
      await syncAndClose(...files);
    } catch (error) {
      for (const folder of [draft, this.directory(record.id)]) rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** {@link appendDocument} of the record. */
  save(record: ContainerRecord, durable: boolean): Promise<void> {
    return appendDocument(this.#path(record.id), record, durable);
  }

  /** Forgets the container for good; what is left of its folder goes soon, or at the next start. */
  async remove(id: ContainerId): Promise<void> {
    const gone = join(this.#root, `.removed-${id}`);
    renameSync(this.directory(id), gone);
    await syncFolder(this.#root);
    void removeLater(gone).catch(error => this.#log.warn('A removed container left files', { id, error }));
  }

  /** All readable records; the others are put aside and told to the log. */
  load(): ContainerRecord[] {
    const records: ContainerRecord[] = [];
    for (const entry of readdirSync(this.#root)) {
      if (entry.startsWith('.')) rmSync(join(this.#root, entry), { recursive: true, force: true });
      else records.push(...this.#loadOne(entry as ContainerId));
    }
    return records;
  }

  /** Whether its record could not be read: what belongs to it may be wanted back. */
  isPutAside(id: string): boolean {
    return existsSync(this.#quarantine) && readdirSync(this.#quarantine).some(name => name.includes(id));
  }

  #loadOne(id: ContainerId): ContainerRecord[] {
    try {
      const value = readLastDocument(this.#path(id));
      if (value === undefined && this.#isUnborn(id)) {
        rmSync(this.directory(id), { recursive: true });
        return [];
      }
      if (value === undefined) throw new Error('there is no record');
      return [checkRecord(value, id)];
    } catch (error) {
      const where = quarantine(this.directory(id), this.#quarantine);
      this.#log.error('A container record cannot be read and was put aside', { id, where, error });
      return [];
    }
  }

  /** A power cut came before its record was on the disk: nobody was told that it is there. */
  #isUnborn(id: ContainerId): boolean {
    return readdirSync(this.directory(id)).every(name => name === fileName);
  }

  #path(id: ContainerId): string {
    return join(this.#root, id, fileName);
  }
}

/** Records of other versions are migrated here, by pure functions. */
function checkRecord(value: unknown, id: ContainerId): ContainerRecord {
  const record = value as ContainerRecord;
  if (record?.version !== 1) throw new Error(`unknown version ${record?.version}`);
  if (record.id !== id || typeof record.name !== 'string' || !record.config || !record.hostConfig || !record.state) {
    throw new Error('the record is not whole');
  }
  return record;
}
