import type { Readable } from 'node:stream';
import type {
  VolumeCreateBody,
  VolumeDocument,
  VolumeList,
  VolumePruneReport,
} from '../../contracts/docker/volumes.ts';
import { conflict } from '../../contracts/errors.ts';
import type { Volume } from '../volumes/index.ts';
import type { EngineContext } from './context.ts';
import type { Filters, VolumesService } from './engine.ts';
import { assertFilters, textFilter } from './filters.ts';
import { assertAtRest, exportVolume, freezeUsers } from './volume-contents.ts';

const listFilters = ['dangling', 'name', 'driver', 'label'];
const pruneFilters = ['label', 'label!', 'all'];

const mutable = (filters: Filters): Record<string, string[]> =>
  Object.fromEntries(Object.entries(filters).map(([key, values]) => [key, [...values]]));

/** Docker's volume documents over the volumes room. */
export class VolumeService implements VolumesService {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  async list(filters: Filters): Promise<VolumeList> {
    assertFilters(filters, listFilters);
    const isNamed = await textFilter(filters, 'name');
    const { name: _, ...others } = mutable(filters);
    const volumes = this.#context.rooms.volumes.list(others, name => this.usersOf(name));
    return { Volumes: volumes.filter(({ name }) => isNamed(name)).map(toDocument), Warnings: null };
  }

  async inspect(name: string): Promise<VolumeDocument> {
    return toDocument(this.#context.rooms.volumes.get(name));
  }

  async create(body: VolumeCreateBody): Promise<VolumeDocument> {
    const known = body.Name ? this.#context.rooms.volumes.find(body.Name) : undefined;
    const volume = await this.#context.rooms.volumes.create({
      name: body.Name,
      driver: body.Driver,
      driverOpts: body.DriverOpts,
      labels: body.Labels,
    });
    if (!known) this.emit('create', volume.name);
    return toDocument(volume);
  }

  async remove(name: string, options: { force: boolean }): Promise<void> {
    const known = this.#context.rooms.volumes.find(name) !== undefined;
    await this.#context.rooms.volumes.remove(name, { ...options, inUse: this.usersOf(name) });
    if (known) this.emit('destroy', name);
  }

  async prune(filters: Filters): Promise<VolumePruneReport> {
    assertFilters(filters, pruneFilters);
    const report = await this.#context.rooms.volumes.prune(mutable(filters), name => this.usersOf(name));
    for (const name of report.deleted) this.emit('destroy', name);
    const attributes = { reclaimed: String(report.spaceReclaimed) };
    this.#context.events.emit({ type: 'volume', action: 'prune', id: '', attributes });
    return { VolumesDeleted: report.deleted, SpaceReclaimed: report.spaceReclaimed };
  }

  export(name: string, { pause }: { pause: boolean }): Promise<Readable> {
    return exportVolume(name, pause, this.#context);
  }

  async import(name: string, tar: Readable, { replace }: { replace: boolean }): Promise<VolumeDocument> {
    const { volumes } = this.#context.rooms;
    const isNew = volumes.find(name) === undefined;
    if (isNew) await this.create({ Name: name });
    try {
      await volumes.contents.import(name, tar, { replace, assertFree: () => assertAtRest(name, this.#context) });
    } catch (error) {
      if (isNew) await this.remove(name, { force: true });
      throw error;
    }
    return this.inspect(name);
  }

  async clone(name: string, { to, pause }: { to: string | undefined; pause: boolean }): Promise<VolumeDocument> {
    const { volumes } = this.#context.rooms;
    const { 'com.docker.volume.anonymous': _, ...labels } = volumes.get(name).labels;
    if (to && volumes.find(to)) throw conflict(`volume ${to} is there already`);
    const made = await this.create({ Name: to, Labels: labels });
    const thaw = pause ? await freezeUsers(name, this.#context) : undefined;
    try {
      await volumes.contents.clone(name, made.Name);
    } catch (error) {
      await this.remove(made.Name, { force: true });
      throw error;
    } finally {
      await thaw?.();
    }
    return made;
  }

  empty(name: string): Promise<void> {
    const assertFree = (): void => assertAtRest(name, this.#context);
    return this.#context.rooms.volumes.contents.empty(name, { assertFree });
  }

  /** With sizes and users, for `docker system df`. */
  async measured(): Promise<VolumeDocument[]> {
    const { volumes } = this.#context.rooms;
    return Promise.all(
      volumes.list().map(async volume => ({
        ...toDocument(volume),
        UsageData: { Size: await volumes.size(volume.name), RefCount: this.usersOf(volume.name).length },
      })),
    );
  }

  usersOf(name: string): string[] {
    const using = this.#context.index.all().filter(({ record }) => record.mounts.some(mount => mount.name === name));
    return using.map(container => container.id);
  }

  emit(action: string, name: string): void {
    this.#context.events.emit({ type: 'volume', action, id: name, attributes: { driver: 'local' } });
  }
}

function toDocument(volume: Volume): VolumeDocument {
  return {
    CreatedAt: volume.createdAt.toISOString(),
    Driver: volume.driver,
    Labels: Object.keys(volume.labels).length > 0 ? volume.labels : null,
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: Object.keys(volume.options).length > 0 ? volume.options : null,
    Scope: 'local',
  };
}
