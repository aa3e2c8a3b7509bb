import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ContainerRef } from '../../contracts/brand.ts';
import { EngineError, internal, messageOf } from '../../contracts/errors.ts';
import type { ContainerActor } from './container.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';
import type { CheckpointPlace, CheckpointsService } from './engine.ts';
import { runSpec, runUser } from './run-spec.ts';
import { fifosOf } from './run-streams.ts';
import { remapOf } from './user-remap.ts';

const nameRule = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** `docker checkpoint`: what a container did, written down in a folder, to be gone on with later. */
export class Checkpoints implements CheckpointsService {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  async create(ref: ContainerRef, request: CheckpointPlace & { exit: boolean }): Promise<void> {
    const container = this.#context.index.getByRef(ref);
    container.running();
    const { name, exit } = request;
    if (!nameRule.test(name)) {
      throw internal(`Invalid checkpoint ID (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
    }
    const directory = newDirectory(container.record, { ref, ...request }, this.#context);
    try {
      await writeDown(container, { directory, leaveRunning: !exit }, this.#context);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      if (error instanceof EngineError && error.kind === 'not-implemented') throw error;
      throw internal(`Cannot checkpoint container ${ref}: ${messageOf(error)}`, { cause: error });
    }
    container.emit('checkpoint');
  }

  list(ref: ContainerRef, folder: string): string[] {
    const { record } = this.#context.index.getByRef(ref);
    const directory = folderOf(record, folder, this.#context);
    if (folder === '') mkdirSync(directory, { recursive: true, mode: 0o700 });
    assertDirectory(directory, '', ref);
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries
      .filter(entry => entry.isDirectory())
      .map(entry => entry.name)
      .sort();
  }

  remove(ref: ContainerRef, place: CheckpointPlace): void {
    const { record } = this.#context.index.getByRef(ref);
    rmSync(existingDirectory(record, place, ref, this.#context), { recursive: true });
  }
}

/** The folder of a checkpoint that is there. @throws internal in Docker's words */
export const findCheckpoint = (record: ContainerRecord, place: CheckpointPlace, context: EngineContext): string =>
  existingDirectory(record, place, `/${record.name}`, context);

const folderOf = ({ id }: ContainerRecord, folder: string, { records }: EngineContext): string =>
  folder === '' ? resolve(records.directory(id), 'checkpoints') : resolve('/', folder);

/** A name that is none leads nowhere. */
function existingDirectory(
  record: ContainerRecord,
  { name, folder }: CheckpointPlace,
  container: string,
  context: EngineContext,
): string {
  const directory = resolve(folderOf(record, folder, context), nameRule.test(name) ? name : '\0');
  assertDirectory(directory, name, container);
  return directory;
}

function assertDirectory(directory: string, name: string, container: string): void {
  const found = directory.includes('\0') ? undefined : lstatSync(directory, { throwIfNoEntry: false });
  if (!found) throw internal(`checkpoint ${name} does not exist for container ${container}`);
  if (!found.isDirectory()) throw internal(`${directory} exists and is not a directory`);
}

function newDirectory(
  record: ContainerRecord,
  { ref, name, folder }: CheckpointPlace & { ref: ContainerRef },
  context: EngineContext,
): string {
  const directory = resolve(folderOf(record, folder, context), name);
  const found = lstatSync(directory, { throwIfNoEntry: false });
  const refuse = (why: string): EngineError => internal(`cannot checkpoint container ${ref}: ${why}`);
  if (found?.isDirectory()) throw refuse(`checkpoint with name ${name} already exists for container ${ref}`);
  if (found) throw refuse(`${directory} exists and is not a directory`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}

async function writeDown(
  container: ContainerActor,
  { directory, leaveRunning }: { directory: string; leaveRunning: boolean },
  context: EngineContext,
): Promise<void> {
  const { record, exitRecorded } = container;
  const { process, cgroup } = container.running();
  assertPossible(record, context);
  const files = record.sandbox?.files ?? { hosts: '', hostname: '', resolvConf: '' };
  const sandbox = { namespacePath: `/proc/${process.pid}/ns/net`, files };
  await context.rooms.runtime.checkpoint({
    pid: process.pid,
    spec: await runSpec(record, { user: runUser(record, context), sandbox }, context),
    stdio: fifosOf(record, context),
    processes: cgroup.processes(),
    cgroup: cgroup.join(),
    directory,
    leaveRunning,
  });
  if (!leaveRunning) await exitRecorded;
}

/** What CRIU would fail at later, and less clearly. */
function assertPossible({ config, hostConfig }: ContainerRecord, { options }: EngineContext): void {
  const { PidMode = '', IpcMode = '' } = hostConfig;
  if (config.Tty) throw new Error('it has a terminal, which a checkpoint cannot hold');
  if (remapOf(hostConfig, options.remap)) throw new Error('its users are remapped, which a checkpoint cannot hold');
  if (`${PidMode} ${IpcMode}`.includes('container:')) {
    throw new Error('it shares namespaces with another container, which a checkpoint cannot hold');
  }
}
