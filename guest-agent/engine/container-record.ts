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
 * What is durable when: *create* is on the disk before the client hears of it, and so is a change the user asks for
 * (rename, update, a stop that holds a restart policy back). The *exit code* is on the disk before `wait` answers, for it
 * cannot be found out again, unless the container is removed with its end. *Start* is written without a sync: a killed
 * engine reads it back from the page cache, and after a power cut nothing runs any more; only with a restart policy does
 * "it was started" outlive the machine, so there it is synced. A *removal* is on the disk before the client hears of it.
 * The file is always written at once; what is to be on the disk is there first as a line of the journal
 * (`record-journal.ts`), which an engine that starts after a power cut carries over.
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
