import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Archive } from '../archive/index.ts';
import type { Cgroups } from '../cgroups/index.ts';
import type { DaemonSettings } from '../config/index.ts';
import type { Images } from '../images/index.ts';
import type { Logs } from '../logs/index.ts';
import type { Networks } from '../networks/index.ts';
import type { Registry } from '../registry/index.ts';
import type { Runtime, UserRemap } from '../runtime/index.ts';
import type { Snapshots } from '../snapshots/index.ts';
import type { Volumes } from '../volumes/index.ts';

/** The rooms below, built and handed over by `main.ts`. */
export interface Rooms {
  runtime: Runtime;
  logs: Logs;
  cgroups: Cgroups;
  snapshots: Snapshots;
  archive: Archive;
  volumes: Volumes;
  images: Images;
  networks: Networks;
  registry: Registry;
}

/** What the engine is told about where it runs. */
export interface EngineOptions {
  root: string;
  execRoot: string;
  /** Parent of all containers' cgroups: `/berth`. */
  cgroupParent: string;
  /** Inside our machine: host folders are not there, /var/run/docker.sock is the engine's own. */
  machine: boolean;
  /** The engine's own API socket, for containers that bind /var/run/docker.sock in the machine. */
  apiSocket: string;
  /** Containers' users are other users outside, unless a container is asked not to be remapped. */
  remap?: UserRemap;
  serverVersion: string;
  /** What the API room speaks, for `docker version`. */
  apiVersion: string;
  minimumApiVersion: string;
  /** The configuration file, as it holds now. */
  settings: DaemonSettings;
  log: Log;
  clock: Clock;
}
