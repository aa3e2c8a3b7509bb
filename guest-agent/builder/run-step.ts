import type { ContainerRef } from '../../contracts/brand.ts';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import { cancelled, EngineError, messageOf } from '../../contracts/errors.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import { formatPlatform, type Image, ownPlatform } from '../images/index.ts';
import type { CacheMounts } from './cache-mounts.ts';
import type { BuilderOptions, StepContainer, StepContainers, StepWatcher } from './contract.ts';
import { cleanPath } from './file-tree.ts';
import { commitStep, type StepOutput } from './layers.ts';
import { hostConfigOf, type MountSources, mountPoints, prepareMounts } from './prepared-mounts.ts';
import type { SkipMember } from './rewritten-tar.ts';
import type { RunMount } from './run-mounts.ts';

/** A command that ended badly. */
export class CommandFailed extends EngineError {
  readonly args: readonly string[];
  readonly exitCode: number;

  constructor(args: readonly string[], exitCode: number) {
    super(
      'internal',
      `process ${JSON.stringify(args.join(' '))} did not complete successfully: exit code: ${exitCode}`,
    );
    this.args = args;
    this.exitCode = exitCode;
  }
}

/** All that a RUN step depends on. */
export interface RunRequest extends StepOutput {
  args: readonly string[];
  /** With the ARGs. */
  env: readonly string[];
  /** Variables that change nothing for the cache: proxies. */
  passingEnv: readonly string[];
  user: string;
  workingDir: string;
  mounts: readonly RunMount[];
  network: string | undefined;
  /** What its programs are made for. */
  platform: Platform;
  host: HostConfig;
  hostname?: string;
  /** The command is told how its container is called, as by Docker's old builder. */
  namesHost?: boolean;
  /** Of the places on which its mounts stood only these themselves are none of its doing. */
  keepsStubFolders?: boolean;
  /** How the command may end and have done well: else with 0 alone. */
  goodExitCodes?: readonly number[];
}

/** What a command left, while its container and its mounts are still there. */
export interface RunTraces {
  /** Its root as a layer on the parent's. */
  root(): Promise<Image>;
  /** Where the files of a mount are. */
  folderOf(mount: RunMount): string | undefined;
}

export interface RunRooms {
  options: BuilderOptions;
  caches: CacheMounts;
  sources: MountSources;
  signal: AbortSignal;
}

/** Runs the command in a container and keeps what it changed. @throws CommandFailed */
export const runStep = (request: RunRequest, watcher: StepWatcher, rooms: RunRooms): Promise<Image> =>
  runFor(({ root }) => root(), request, watcher, rooms);

/** Runs the command in a container, and takes what is wanted of what it left. @throws CommandFailed */
export async function runFor<T>(
  take: (left: RunTraces) => Promise<T>,
  request: RunRequest,
  watcher: StepWatcher,
  rooms: RunRooms,
): Promise<T> {
  return rooms.caches.alone(request.mounts, async () => {
    const prepared = await prepareMounts(request.mounts, rooms);
    try {
      const host = hostConfigOf(request.host, prepared, request.network);
      const { env, secretEnv } = prepared;
      const asked = { ...request, host, env: [...request.env, ...env], secretEnv };
      const folderOf = (mount: RunMount): string | undefined => prepared.folders.get(mount);
      return await inContainer(root => take({ root, folderOf }), asked, watcher, rooms);
    } finally {
      prepared.release();
    }
  });
}

/** By it what a dead engine left of its builds is found. */
export const stepLabel = 'berth.build';

/** Steps of builds that ended with their engine. */
export async function removeStepContainers(containers: StepContainers): Promise<void> {
  for (const { Id } of await containers.list({ all: true, filters: { label: [stepLabel] } })) {
    await containers.getByRef(Id as ContainerRef).remove({ force: true, volumes: true, link: false });
  }
}

async function inContainer<T>(
  take: (root: RunTraces['root']) => Promise<T>,
  request: RunRequest & { secretEnv: readonly string[] },
  watcher: StepWatcher,
  { options, signal }: RunRooms,
): Promise<T> {
  const { containers, images } = options;
  const { architecture = process.arch === 'arm64' ? 'arm64' : 'amd64', os = 'linux' } = request.parent?.config ?? {};
  // the image's own volumes, commands and health checks are not the step's
  const bare = await images.compose({ layersOf: request.parent, config: { architecture, os }, intermediate: true });
  const [first = '', ...rest] = request.args;
  const { Id } = await containers.create({
    body: {
      Image: bare.id,
      Entrypoint: [first],
      Cmd: rest,
      Env: [...(request.namesHost ? [] : ['HOSTNAME']), ...request.env, ...request.passingEnv], // without a value: not at all
      User: request.user,
      WorkingDir: request.workingDir,
      Hostname: request.hostname || (request.namesHost ? '' : 'buildkitsandbox'),
      Labels: { [stepLabel]: 'step' },
      HostConfig: request.host,
    },
  });
  const container = containers.getByRef(Id as ContainerRef);
  container.secretEnv = request.secretEnv;
  try {
    watcher.running(Id);
    const exitCode = await finished(container, request, watcher, signal);
    if (!(request.goodExitCodes ?? [0]).includes(exitCode)) throw new CommandFailed(request.args, exitCode);
    return await take(() => changesOf(Id, request, options));
  } finally {
    await container.remove({ force: true, volumes: true, link: false });
  }
}

/** What a container changed, as a layer. */
async function changesOf(
  container: string,
  { parent, createdBy, mounts, epoch, keepsStubFolders = false }: RunRequest,
  options: BuilderOptions,
): Promise<Image> {
  const changes = await options.snapshots.openChanges(container);
  try {
    const tar = options.archive.pack({ root: changes.path, path: '/', contentsOnly: true, asLayer: true });
    const skip = mounts.length > 0 ? { skip: stubsOf(mounts, keepsStubFolders) } : {};
    return await commitStep({ parent, tar, createdBy, epoch, ...skip }, options);
  } finally {
    changes.close();
  }
}

/**
 * A command that could not begin has failed: the runtime's reason is among what it said, and any other is in the error. The
 * kernel's words for a program of another processor say nothing of what would help.
 */
function notBegun(error: unknown, { args, platform }: RunRequest, watcher: StepWatcher): unknown {
  const message = messageOf(error);
  const isForeign = message.includes('exec format error') && platform.architecture !== ownPlatform().architecture;
  const [, reason] = /(unable to start container process: .*)/s.exec(message) ?? [];
  if (reason !== undefined && !isForeign) {
    watcher.output('stderr', Buffer.from(`runc run failed: ${reason}\n`));
    return new CommandFailed(args, 1);
  }
  const help = `: programs for ${formatPlatform(platform)} need an emulator here: qemu-user, registered with binfmt_misc`;
  const command = JSON.stringify(args.join(' '));
  const said = `process ${command} did not complete successfully: ${message}${isForeign ? help : ''}`;
  return new EngineError('internal', said, { cause: error });
}

/** A client that goes away ends the command. */
async function finished(
  container: StepContainer,
  request: RunRequest,
  watcher: StepWatcher,
  signal: AbortSignal,
): Promise<number> {
  if (signal.aborted) throw cancelled('context canceled');
  const { output } = container.attach({ stdin: false, stdout: true, stderr: true, stream: true, logs: false });
  const told = (async () => {
    for await (const { stream, data } of output) watcher.output(stream, data);
  })();
  const kill = (): void => void container.kill('KILL').catch(() => undefined);
  signal.addEventListener('abort', kill, { once: true });
  try {
    const ended = container.wait('next-exit', new AbortController().signal);
    await container.start().catch(error => {
      throw notBegun(error, request, watcher);
    });
    const { StatusCode } = await ended;
    await told;
    if (signal.aborted) throw cancelled('context canceled');
    return StatusCode;
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** Empty files and directories on which the step's mounts stood: they are none of its doing. */
function stubsOf(mounts: readonly RunMount[], keepsFolders: boolean): SkipMember {
  const stubs = new Set(mountPoints(mounts).flatMap(points => (keepsFolders ? points.slice(-1) : points)));
  return ({ name, type, size }) => stubs.has(cleanPath(name)) && (type === 'directory' || size === 0);
}
