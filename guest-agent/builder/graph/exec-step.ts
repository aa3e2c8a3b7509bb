import { posix } from 'node:path';
import type { HostConfig } from '../../../contracts/docker/containers.ts';
import { forbidden, invalidArgument } from '../../../contracts/errors.ts';
import type { Image } from '../../images/index.ts';
import { plainMount, type RunMount } from '../run-mounts.ts';
import { type RunRequest, type RunTraces, runFor } from '../run-step.ts';
import { withPath } from '../steps.ts';
import { folderLayer } from './folder-layer.ts';
import {
  type Edge,
  type ExecMeta,
  type ExecMount,
  type ExecOperation,
  mountTypes,
  networks,
  platformText,
  securities,
} from './operations.ts';
import { layersResult, type Result } from './result.ts';
import { cachedOutput, type OperationStep, type Work } from './rooms.ts';

/** A command in a container; its outputs are what it changed of its mounts, the root among them. */
export const execStep =
  (operation: ExecOperation): OperationStep =>
  async work => {
    const { rooms } = work;
    refuse(operation, rooms.request.hostNetwork);
    const root = operation.mounts.find(({ dest }) => dest === '/');
    if (!root || !operation.meta) throw invalidArgument('a command needs a root and arguments');
    const wanted = operation.mounts.filter(({ output }) => output >= 0).sort((a, b) => a.output - b.output);
    const key = ['EXEC', operation.meta, operation.network, await keysOf(operation.mounts, work)];
    let running: Promise<Image[]> | undefined;
    const run = (): Promise<Image[]> => {
      running ??= runOnce(operation, { root, wanted }, work);
      return running;
    };
    const made = await Promise.all(
      wanted.map((_, place) =>
        cachedOutput([...key, place], work, async () => {
          const image = (await run())[place];
          if (!image) throw new Error(`the command left no output ${place}`);
          return image;
        }),
      ),
    );
    const outputs = made.map(({ image }) => layersResult(image, rooms.sources));
    return { outputs, cached: made.every(({ cached }) => cached) };
  };

/** @throws forbidden, in BuildKit's words; invalid-argument */
function refuse({ network, security, cdiDevices }: ExecOperation, hostNetwork: boolean): void {
  if (network === networks.host && !hostNetwork) throw forbidden('failed to load LLB: network.host is not allowed');
  if (security === securities.insecure) throw forbidden('failed to load LLB: security.insecure is not allowed');
  if (cdiDevices.length > 0) throw forbidden('devices are not allowed for builds');
}

/** What of the mounts the result depends on. */
const keysOf = (mounts: readonly ExecMount[], { inputs }: Work): Promise<unknown[]> =>
  Promise.all(
    mounts.map(async mount => {
      const shows = mount.mountType === mountTypes.bind && mount.input >= 0;
      const seen = shows ? await inputOf(mount, inputs)?.seen(mount.selector) : '';
      return { ...mount, input: Math.sign(mount.input), seen };
    }),
  );

const inputOf = ({ input }: ExecMount, inputs: readonly Result[]): Result | undefined => inputs[input];

/** All outputs of the command, in their order. */
async function runOnce(
  operation: ExecOperation,
  { root, wanted }: { root: ExecMount; wanted: readonly ExecMount[] },
  work: Work,
): Promise<Image[]> {
  const { inputs, told, rooms, vertex } = work;
  const mounts = new Map(operation.mounts.filter(each => each !== root).map(each => [each, toRunMount(each, work)]));
  const secrets = operation.secretenv.map(({ ID, name, optional }) => ({
    ...plainMount('secret', ''),
    id: ID,
    env: name,
    required: !optional,
  }));
  const parent = await inputOf(root, inputs)?.image();
  const request = runRequest(operation, { parent, work, mounts: [...mounts.values(), ...secrets], root });
  const outputOf = async (mount: ExecMount, { root: rootLayer, folderOf }: RunTraces): Promise<Image> => {
    const placed = mounts.get(mount);
    const folder = placed && folderOf(placed);
    if (!placed || folder === undefined) return rootLayer();
    const below = inputOf(mount, inputs);
    return folderLayer(
      { folder, below, at: mount.selector, createdBy: saidOf(mount, request), epoch: request.epoch },
      rooms,
    );
  };
  const { options, caches, signal, sources, input } = rooms;
  const mountSources = {
    files: async (from: string, source: string) => {
      const place = vertex.operation.inputs.findIndex(edge => edgeText(edge) === from);
      return (await inputs[place]?.files([source])) ?? sources.tree();
    },
    secret: (id: string) => input.secret(id),
    agent: (id: string) => sources.agent(id),
  };
  return runFor(
    async left => {
      const images: Image[] = [];
      for (const mount of wanted) images.push(await outputOf(mount, left));
      return images;
    },
    request,
    told,
    { options, caches, signal, sources: mountSources },
  );
}

function runRequest(
  { meta, network }: ExecOperation,
  { parent, work, mounts, root }: { parent: Image | undefined; work: Work; mounts: RunMount[]; root: ExecMount },
): RunRequest {
  const { rooms } = work;
  const { args = [], env = [], cwd = '/', user = '', hostname = '', validExitCodes = [] } = meta ?? {};
  return {
    parent,
    args,
    env: withPath(env),
    passingEnv: proxiesOf(meta),
    user,
    workingDir: cwd || '/',
    mounts,
    network: network === networks.host ? 'host' : network === networks.none ? 'none' : undefined,
    platform: rooms.sources.platformOf(platformText(work.vertex.operation.platform)),
    host: { ...rooms.request.host, ...hostOf(meta), ...(root.readonly ? { ReadonlyRootfs: true } : {}) },
    hostname,
    keepsStubFolders: !meta?.removeMountStubsRecursive,
    createdBy: saidOf(root, { args }),
    epoch: rooms.request.epoch,
    ...(validExitCodes.length > 0 ? { goodExitCodes: validExitCodes } : {}),
  };
}

/** What history says of an output. */
const saidOf = ({ dest }: ExecMount, { args }: Pick<RunRequest, 'args'>): string =>
  `mount ${dest} from exec ${args.join(' ')}`;

/** In both spellings, as programs look for them. */
const proxiesOf = (meta: ExecMeta | null): string[] =>
  Object.entries(meta?.proxy_env ?? {})
    .filter(([, value]) => value !== '')
    .flatMap(([name, value]) => [`${name.toUpperCase()}=${value}`, `${name}=${value}`]);

const hostOf = (meta: ExecMeta | null): HostConfig => ({
  ...(meta?.extraHosts.length ? { ExtraHosts: meta.extraHosts.map(({ Host, IP }) => `${Host}:${IP}`) } : {}),
  ...(meta?.ulimit.length ? { Ulimits: meta.ulimit.map(({ Name, Soft, Hard }) => ({ Name, Soft, Hard })) } : {}),
  ...(meta?.cgroupParent ? { CgroupParent: meta.cgroupParent } : {}),
});

const sharings = ['shared', 'private', 'locked'] as const;

const edgeText = ({ digest, index }: Edge): string => `${digest} ${index}`;

/** A mount as RUN has it; `from` is an input. @throws invalid-argument */
function toRunMount(mount: ExecMount, { vertex }: Work): RunMount {
  const { dest, input, selector, readonly, mountType, cacheOpt } = mount;
  const target = posix.resolve('/', dest);
  const edge = vertex.operation.inputs[input];
  const from = edge ? edgeText(edge) : '';
  switch (mountType) {
    case mountTypes.bind:
      return { ...plainMount('bind', target), from, source: selector, readonly };
    case mountTypes.cache: {
      const sharing = sharings[cacheOpt?.sharing ?? 0] ?? 'shared';
      return { ...plainMount('cache', target), id: cacheOpt?.ID ?? '', from, source: selector, readonly, sharing };
    }
    case mountTypes.tmpfs:
      return { ...plainMount('tmpfs', target), sizeBytes: mount.TmpfsOpt?.size || undefined };
    case mountTypes.secret:
      return { ...plainMount('secret', target), ...ownedBy(mount.secretOpt) };
    case mountTypes.ssh:
      return { ...plainMount('ssh', target), ...ownedBy(mount.SSHOpt) };
    default:
      throw invalidArgument(`unsupported mount type ${mountType} of ${vertex.name}`);
  }
}

const ownedBy = (settings: ExecMount['secretOpt']): Partial<RunMount> => {
  const { ID = '', uid = 0, gid = 0, mode = 0, optional = false } = settings ?? {};
  return { id: ID, uid, gid, mode: mode || undefined, required: !optional };
};
