import { randomBytes } from 'node:crypto';
import { EventEmitter, on } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ContainerRef, ExecId } from '../../contracts/brand.ts';
import type { EventMessage, EventType } from '../../contracts/docker/events.ts';
import type { ImageInspect } from '../../contracts/docker/images.ts';
import type { NetworkInspect } from '../../contracts/docker/networks.ts';
import type { StatsDocument } from '../../contracts/docker/stats.ts';
import type { SystemInfo } from '../../contracts/docker/system.ts';
import type { VolumeDocument } from '../../contracts/docker/volumes.ts';
import { conflict, forbidden, notFound, unauthorized } from '../../contracts/errors.ts';
import type { Engine, Exec } from '../../guest-agent/engine/index.ts';
import { FakeContainer } from './fake-container.ts';
import { absentBlkio, cpuStats, version } from './fake-documents.ts';
import { FakeProcess } from './fake-process.ts';

const familiar = (name: string): string => name.replace(/^docker\.io\/(library\/)?/, '');

/** An engine in memory that behaves: containers run small programs, images are names, networks and volumes lists. */
export class FakeEngine implements Engine {
  readonly experimental = false;
  readonly #containers = new Map<string, FakeContainer>();
  readonly #execs = new Map<string, Exec>();
  readonly #images = new Map<string, string>([['busybox:latest', `sha256:${'b'.repeat(64)}`]]);
  readonly #volumes = new Map<string, VolumeDocument>();
  readonly #networks = new Map<string, NetworkInspect>();
  readonly #bus = new EventEmitter();
  loaded: Buffer | undefined;

  constructor() {
    this.#addNetwork('bridge');
  }

  readonly containers: Engine['containers'] = {
    list: async ({ all }) => [...this.#containers.values()].filter(one => all || one.running).map(one => one.summary()),
    create: async ({ name, body }) => {
      const chosen = name ?? `fake_${this.#containers.size}`;
      if ([...this.#containers.values()].some(one => one.name === chosen)) {
        throw conflict(`Conflict. The container name "/${chosen}" is already in use`);
      }
      const image = body.Image?.includes(':') ? body.Image : `${body.Image}:latest`;
      if (!this.#images.has(image)) throw notFound(`No such image: ${image}`);
      const container = new FakeContainer(this, chosen, body);
      this.#containers.set(container.id, container);
      this.tell('container', 'create', container.id, { name: chosen });
      return { Id: container.id, Warnings: [] };
    },
    getByRef: (ref: ContainerRef) => {
      for (const one of this.#containers.values()) if (one.id.startsWith(ref) || one.name === ref) return one;
      throw notFound(`No such container: ${ref}`);
    },
    prune: async () => ({ ContainersDeleted: [], SpaceReclaimed: 0 }),
  };

  readonly checkpoints: Engine['checkpoints'] = {
    create: async () => undefined,
    list: () => [],
    remove: () => undefined,
  };

  readonly execs: Engine['execs'] = {
    get: id => {
      const exec = this.#execs.get(id);
      if (!exec) throw notFound(`No such exec instance: ${id}`);
      return exec;
    },
  };

  readonly events: Engine['events'] = {
    subscribe: ({ signal }) => this.#follow(signal),
    emit: ({ type, action, id, attributes }) => this.tell(type, action, id, { ...attributes }),
  };

  readonly images: Engine['images'] = {
    list: async () =>
      [...this.#images].map(([tag, Id]) => ({
        Id,
        ParentId: '',
        RepoTags: [tag],
        RepoDigests: [],
        Created: 0,
        Size: 1234,
        SharedSize: -1,
        Labels: null,
        Containers: -1,
      })),
    inspect: async name => this.#inspectImage(name),
    history: async () => [{ Id: '<missing>', Created: 0, CreatedBy: 'x', Tags: null, Size: 0, Comment: '' }],
    pull: async ({ image: reference, tag, auth, progress }) => {
      const image = familiar(reference);
      if (image === 'secret' && auth?.username !== 'me') {
        throw notFound("pull access denied for secret, repository does not exist or may require 'docker login'");
      }
      progress({ status: `Pulling from library/${image}`, id: tag ?? 'latest' });
      if (image === 'broken') throw new Error('unexpected EOF');
      progress({ status: 'Downloading', id: 'abc', progressDetail: { current: 1, total: 2 }, progress: '[>  ]' });
      progress({ status: `Status: Downloaded newer image for ${image}:${tag ?? 'latest'}` });
      this.#images.set(`${image}:${tag ?? 'latest'}`, `sha256:${randomBytes(32).toString('hex')}`);
    },
    push: async ({ progress }) => progress({ status: 'Pushed' }),
    import: async ({ progress }) => progress({ status: 'sha256:imported' }),
    search: async ({ term }) => [
      { name: term, description: '', star_count: 0, is_official: false, is_automated: false },
    ],
    distribution: async ({ image }) => {
      throw notFound(`manifest unknown: ${image}`);
    },
    tags: async ({ image }) => {
      throw notFound(`repository name not known to registry: ${image}`);
    },
    load: async (tar, { progress }) => {
      this.loaded = await buffer(tar);
      progress({ stream: 'Loaded image: loaded:latest\n' });
    },
    save: async names => Readable.from([Buffer.from(names.join(','))]),
    tag: async (name, { repository, tag }) => {
      this.#images.set(`${familiar(repository)}:${tag ?? 'latest'}`, this.#inspectImage(name).Id);
    },
    remove: async name => {
      const key = this.#inspectImage(name).RepoTags[0] ?? '';
      this.#images.delete(key);
      return [{ Untagged: key }];
    },
    prune: async () => ({ ImagesDeleted: null, SpaceReclaimed: 0 }),
  };

  readonly networks: Engine['networks'] = {
    list: async () => [...this.#networks.values()],
    inspect: async ref => this.#networkOf(ref),
    create: async ({ Name = '' }) => ({ Id: this.#addNetwork(Name).Id, Warning: '' }),
    remove: async ref => {
      if (ref === 'bridge') throw forbidden('bridge is a pre-defined network and cannot be removed');
      this.#networks.delete(this.#networkOf(ref).Name);
    },
    prune: async () => ({ NetworksDeleted: null }),
    connect: async ref => void this.#networkOf(ref),
    disconnect: async ref => void this.#networkOf(ref),
  };

  readonly volumes: Engine['volumes'] = {
    list: async () => ({ Volumes: [...this.#volumes.values()], Warnings: null }),
    inspect: async name => this.#volumeOf(name),
    create: async ({ Name = randomBytes(32).toString('hex'), Labels = {} }) => {
      const volume = {
        Name,
        Driver: 'local',
        Mountpoint: `/v/${Name}`,
        Labels,
        Scope: 'local' as const,
        Options: null,
      };
      this.#volumes.set(Name, volume);
      return volume;
    },
    remove: async name => void this.#volumes.delete(this.#volumeOf(name).Name),
    prune: async filters => ({ VolumesDeleted: filters.all ? [...this.#volumes.keys()] : [], SpaceReclaimed: 0 }),
    export: async name => Readable.from([this.#volumeOf(name).Name]),
    import: async name => this.#volumeOf(name),
    clone: async (name, { to = '' }) => ({ ...this.#volumeOf(name), Name: to }),
    empty: async name => void this.#volumeOf(name),
  };

  readonly system: Engine['system'] = {
    info: async () =>
      ({ ID: 'fake', Name: 'fake', OSType: 'linux', ServerVersion: '0.0.1', Plugins: {} }) as SystemInfo,
    announceReload: () => undefined,
    version: () => version,
    diskUsage: async () => ({ LayersSize: 0, Images: [], Containers: [], Volumes: [], BuildCache: [] }),
    auth: async ({ password }) => {
      if (password !== 'right') throw unauthorized('incorrect username or password');
      return { Status: 'Login Succeeded', IdentityToken: '' };
    },
  };

  async close(): Promise<void> {
    for (const container of this.#containers.values()) container.process?.kill();
  }

  tell(type: EventType, action: string, id: string, attributes: Record<string, string>): void {
    const timeNano = Date.now() * 1e6;
    const event: EventMessage = {
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: attributes },
      scope: 'local',
      time: Math.floor(timeNano / 1e9),
      timeNano,
    };
    this.#bus.emit('event', event);
  }

  forget(container: FakeContainer): void {
    this.#containers.delete(container.id);
    this.tell('container', 'destroy', container.id, { name: container.name });
  }

  addExec(container: FakeContainer, body: { Cmd?: string[]; Tty?: boolean; AttachStdin?: boolean }): ExecId {
    const id = randomBytes(32).toString('hex') as ExecId;
    let process: FakeProcess | undefined;
    let exitCode: number | null = null;
    this.#execs.set(id, {
      id,
      inspect: () => ({
        ID: id,
        Running: process !== undefined && exitCode === null,
        ExitCode: exitCode,
        ProcessConfig: { tty: body.Tty ?? false, entrypoint: body.Cmd?.[0] ?? '', arguments: body.Cmd?.slice(1) ?? [] },
        OpenStdin: body.AttachStdin ?? false,
        OpenStderr: true,
        OpenStdout: true,
        CanRemove: false,
        ContainerID: container.id,
        DetachKeys: '',
        Pid: 1,
      }),
      start: async ({ detach }) => {
        try {
          process = new FakeProcess(body.Cmd ?? [], body.Tty ?? false);
        } catch (error) {
          exitCode = 127;
          throw new Error(`OCI runtime exec failed: exec failed: ${(error as Error).message}: unknown`);
        }
        void process.exited.then(code => {
          exitCode = code;
        });
        return detach
          ? undefined
          : process.attach({ stdin: body.AttachStdin ?? false, stdout: true, stderr: true, logs: true });
      },
      resize: async (rows, columns) => {
        if (process) process.size = { rows, columns };
      },
    });
    return id;
  }

  statsOf(container: FakeContainer): StatsDocument {
    const now = new Date().toISOString();
    return {
      name: `/${container.name}`,
      id: container.id,
      read: now,
      preread: now,
      pids_stats: { current: 1 },
      blkio_stats: absentBlkio,
      num_procs: 0,
      storage_stats: {},
      cpu_stats: cpuStats,
      precpu_stats: cpuStats,
      memory_stats: { usage: 1024 * 1024, limit: 2 ** 30, stats: {} },
    };
  }

  async *#follow(signal: AbortSignal): AsyncGenerator<EventMessage> {
    try {
      for await (const [event] of on(this.#bus, 'event', { signal })) yield event as EventMessage;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #inspectImage(name: string): ImageInspect {
    const tag = familiar(name.includes(':') ? name : `${name}:latest`);
    const Id = this.#images.get(tag);
    if (!Id) throw notFound(`No such image: ${tag}`);
    return {
      Id,
      RepoTags: [tag],
      RepoDigests: [],
      Parent: '',
      Comment: '',
      DockerVersion: '',
      Author: '',
      Config: {},
      Architecture: 'amd64',
      Os: 'linux',
      Size: 1234,
      GraphDriver: { Name: 'overlay2', Data: null },
      RootFS: { Type: 'layers' },
      Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
    };
  }

  #networkOf(ref: string): NetworkInspect {
    for (const network of this.#networks.values()) if (network.Name === ref || network.Id === ref) return network;
    throw notFound(`network ${ref} not found`);
  }

  #volumeOf(name: string): VolumeDocument {
    const volume = this.#volumes.get(name);
    if (!volume) throw notFound(`get ${name}: no such volume`);
    return volume;
  }

  #addNetwork(Name: string): NetworkInspect {
    const network: NetworkInspect = {
      Name,
      Id: randomBytes(32).toString('hex'),
      Created: new Date().toISOString(),
      Scope: 'local',
      Driver: 'bridge',
      EnableIPv4: true,
      EnableIPv6: false,
      IPAM: { Driver: 'default', Options: null, Config: [] },
      Internal: false,
      Attachable: false,
      Ingress: false,
      ConfigFrom: { Network: '' },
      ConfigOnly: false,
      Containers: {},
      Options: {},
      Labels: {},
    };
    this.#networks.set(Name, network);
    return network;
  }
}
