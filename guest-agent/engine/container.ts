import type { Readable } from 'node:stream';
import type {
  ContainerChange,
  ContainerInspect,
  ContainerTop,
  ContainerUpdateBody,
} from '../../contracts/docker/containers.ts';
import type { ExecCreateBody } from '../../contracts/docker/exec.ts';
import type { StatsDocument } from '../../contracts/docker/stats.ts';
import { conflict, notFound } from '../../contracts/errors.ts';
import type { LinuxResources } from '../../contracts/oci/runtime-spec.ts';
import type { PathStat } from '../archive/index.ts';
import type { OutputChunk } from '../logs/index.ts';
import { commitContainer } from './commit.ts';
import { ContainerLife } from './container-life.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';
import { exportRoot, readArchive, removeInside, statPath, writeArchive } from './copy.ts';
import { cpuCount } from './cpu-count.ts';
import type { AttachRequest, AttachSession, CommitRequest, Container, LogsRequest } from './engine.ts';
import { createExec } from './exec.ts';
import { toInspect } from './inspect.ts';
import { attachTo, readLogs } from './output.ts';
import { watchStats } from './stats.ts';
import { top } from './top.ts';
import { checkRename, reserveNewName, updatedRecord, updateFailure } from './update.ts';

/** One container as the API sees it: its life, and what can be asked of it meanwhile. */
export class ContainerActor extends ContainerLife implements Container {
  readonly execIds = new Set<string>();

  constructor(record: ContainerRecord, context: EngineContext) {
    super(record, context);
    const [rows = 0, columns = 0] = record.hostConfig.ConsoleSize ?? [];
    if (rows > 0 && columns > 0) this.consoleSize = { rows, columns };
  }

  get name(): string {
    return this.record.name;
  }

  async inspect(options: { size: boolean }): Promise<ContainerInspect> {
    await this.restarted();
    return toInspect(this, this.context, options);
  }

  async rename(name: string): Promise<void> {
    const newName = checkRename(this, name);
    const { index } = this.context;
    let oldName = this.name;
    reserveNewName(index, newName, this.id);
    try {
      await this.edit(record => {
        oldName = record.name;
        const sandbox = this.context.rooms.networks.rename(this.id, newName);
        return { name: newName, ...(sandbox && { sandbox }) };
      });
    } catch (error) {
      index.free(newName, this.id);
      throw error;
    }
    index.free(oldName, this.id);
    this.emit('rename', { oldName: `/${oldName}` });
  }

  /** `rm --link`: the other container is no neighbour any more. @throws not-found */
  removeLink(alias: string): Promise<void> {
    return this.edit(({ name, links = [] }) => {
      const kept = links.filter(link => link.alias !== alias);
      if (kept.length === links.length) throw notFound(`No such container: ${name}/${alias}`);
      return { links: kept };
    });
  }

  async update(body: ContainerUpdateBody): Promise<{ Warnings: string[] | null }> {
    let warnings: string[] = [];
    const machine = { cpus: cpuCount, features: this.context.rooms.cgroups.features() };
    await this.edit(record => {
      const updated = updatedRecord(record, body, machine);
      warnings = [...updated.warnings, ...this.#limit(updated.resources)];
      return updated.record;
    });
    this.emit('update');
    return { Warnings: warnings.length > 0 ? warnings : null };
  }

  #limit(resources: LinuxResources): string[] {
    try {
      return this.live?.cgroup.update(resources) ?? [];
    } catch (error) {
      throw updateFailure(this.id, error);
    }
  }

  async resize(rows: number, columns: number): Promise<void> {
    this.consoleSize = { rows, columns };
    const { live } = this;
    if (!live) throw conflict(`container ${this.id} is not running`);
    if (this.record.config.Tty) live.process.resize(rows, columns);
    this.emit('resize', { height: String(rows), width: String(columns) });
  }

  logs(options: LogsRequest, signal: AbortSignal): { terminal: boolean; output: AsyncIterable<OutputChunk> } {
    return readLogs(this, options, signal, this.context);
  }

  attach(options: AttachRequest): AttachSession {
    return attachTo(this, options, this.context);
  }

  async top(psArgs: string): Promise<ContainerTop> {
    const processes = await top(this.running().cgroup.processes(), psArgs);
    this.emit('top');
    return processes;
  }

  stats(options: { stream: boolean; oneShot: boolean }, signal: AbortSignal): AsyncIterable<StatsDocument> {
    return watchStats(this, options, signal, this.context);
  }

  async changes(): Promise<ContainerChange[]> {
    const changes = await this.context.rooms.snapshots.changes(this.id);
    return changes.map(change => ({ Path: change.path, Kind: change.kind }));
  }

  export(): Promise<Readable> {
    return exportRoot(this, this.context);
  }

  statPath(path: string): Promise<PathStat> {
    return statPath(this, path, this.context);
  }

  readArchive(path: string): Promise<{ stat: PathStat; tar: Readable }> {
    return readArchive(this, path, this.context);
  }

  writeArchive(
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUIDGID: boolean },
  ): Promise<void> {
    return writeArchive(this, { path, tar, ...options }, this.context);
  }

  removeInside(path: string): Promise<void> {
    return removeInside(this, path, this.context);
  }

  async createExec(body: ExecCreateBody): Promise<{ Id: string }> {
    return { Id: createExec(this, body, this.context).id };
  }

  commit(request: CommitRequest): Promise<{ Id: string }> {
    return commitContainer(this, request, this.context);
  }

  override probe(command: string[], onOutput: (data: Buffer) => void, signal: AbortSignal): Promise<number> {
    const exec = createExec(this, { Cmd: command, AttachStdout: true, AttachStderr: true }, this.context);
    return exec.run(onOutput, signal);
  }

  protected override removed(): void {
    this.context.index.delete(this);
    for (const id of this.execIds) this.context.execs.delete(id);
  }
}
