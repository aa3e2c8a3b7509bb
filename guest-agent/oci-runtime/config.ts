import { readFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { messageOf } from '../../contracts/errors.ts';
import type {
  IdMapping,
  NamespaceType,
  RuntimeCapabilities,
  RuntimeProcess,
  RuntimeSpec,
} from '../../contracts/oci/runtime-spec.ts';
import { propagationFlags, refusedSpec } from '../runtime/index.ts';
import { capabilityNames } from '../syscalls/identity.ts';
import { fail } from './failure.ts';
import { report } from './report.ts';

/** A bundle's directory and its config.json, with what the specification lets out filled in. */
export interface Bundle {
  directory: string;
  config: RuntimeSpec;
  /** Absolute. */
  rootDirectory: string;
}

/** @throws RuntimeFailure when there is none or it cannot be carried out */
export function readBundle(path: string): Bundle {
  const directory = resolve(path);
  const config = completed(readConfig(directory));
  check(config);
  return { directory, config, rootDirectory: resolve(directory, config.root.path) };
}

function readConfig(directory: string): Partial<RuntimeSpec> {
  const path = join(directory, 'config.json');
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Partial<RuntimeSpec>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw fail('JSON specification file config.json not found');
    throw fail(`${path}: ${messageOf(error)}`, error);
  }
}

/** Documents leave out what is empty. @throws RuntimeFailure without a process or a root */
function completed(config: Partial<RuntimeSpec>): RuntimeSpec {
  const { process, root, ociVersion = '', linux } = config;
  if (!root?.path) throw fail('Root must be specified');
  if (!process) throw fail('process must be specified');
  return {
    ...config,
    ociVersion,
    root,
    process: completedProcess(process),
    mounts: config.mounts ?? [],
    linux: { ...linux, namespaces: linux?.namespaces ?? [] },
  };
}

/** Also for `exec --process`. @throws RuntimeFailure */
export function completedProcess(process: Partial<RuntimeProcess>): RuntimeProcess {
  const { args = [], cwd = '' } = process;
  if (args.length === 0) throw fail('process args cannot be empty');
  if (cwd === '') throw fail('Cwd property must not be empty');
  if (!isAbsolute(cwd)) throw fail('Cwd must be an absolute path');
  const limits = process.rlimits?.map(({ type }) => type) ?? [];
  const twice = limits.find((type, index) => limits.indexOf(type) !== index);
  if (twice) throw fail(`wrong rlimit value: ${twice} is there more than once`);
  tellUnknown(process.capabilities);
  return { ...process, args, cwd, env: process.env ?? [], user: process.user ?? { uid: 0, gid: 0 } };
}

/** config.md#linux-process: what cannot be granted is warned of. */
function tellUnknown(capabilities: RuntimeCapabilities = {}): void {
  const known: readonly string[] = capabilityNames;
  const unknown = new Set(
    Object.values(capabilities as Record<string, string[]>)
      .flat()
      .filter(name => !known.includes(name)),
  );
  if (unknown.size > 0)
    report('warning', fail(`ignoring unknown or unavailable capabilities: [${[...unknown].join(' ')}]`));
}

const fileOfNamespace: { [Type in NamespaceType]: string } = {
  pid: 'pid',
  network: 'net',
  mount: 'mnt',
  ipc: 'ipc',
  uts: 'uts',
  user: 'user',
  cgroup: 'cgroup',
  time: 'time',
};

/** libcontainer/configs/validate. @throws RuntimeFailure */
function check(config: RuntimeSpec): void {
  const { linux, hostname, domainname, ociVersion } = config;
  if (!/^1\.\d+\.\d+/.test(ociVersion)) throw fail(`unsupported OCI version ${JSON.stringify(ociVersion)}`);
  const own = linux.namespaces.map(({ type }) => type);
  const unknown = own.find(type => !Object.hasOwn(fileOfNamespace, type));
  if (unknown !== undefined) throw fail(`namespace "${unknown}" does not exist`);
  const twice = own.find((type, index) => own.indexOf(type) !== index);
  if (twice) throw fail(`malformed spec file: duplicated ns ${JSON.stringify(twice)}`);
  if (hostname && !own.includes('uts')) throw fail('unable to set hostname without a private UTS namespace');
  if (domainname && !own.includes('uts')) throw fail('unable to set domainname without a private UTS namespace');
  const hides = (linux.maskedPaths?.length ?? 0) + (linux.readonlyPaths?.length ?? 0) > 0;
  if (hides && !own.includes('mount')) throw fail('unable to restrict sys entries without a private MNT namespace');
  checkMappings(own.includes('user'), linux);
  const { rootfsPropagation: propagation = '' } = linux;
  if (propagation !== '' && propagationFlags(propagation) === undefined)
    throw fail(`rootfsPropagation=${propagation} is not supported`);
  const device = linux.devices?.find(({ type }) => !'cubp'.includes(type));
  if (device) throw fail(`invalid device type ${JSON.stringify(device.type)} of ${device.path}`);
  const relative = config.mounts.find(({ destination }) => !isAbsolute(destination));
  if (relative) throw fail(`mount destination ${relative.destination} not absolute`);
  for (const hook of Object.values(config.hooks ?? {}).flat()) {
    if (!isAbsolute(hook?.path ?? '')) throw fail(`hook path ${hook?.path} is not absolute`);
  }
  refuseUnsupported(config);
  const refused = refusedSpec(config);
  if (refused) throw fail(refused);
}

/** Properties of the specification that are not there: a container without them would be another than was asked for. */
const unsupported = {
  process: ['scheduler', 'ioPriority', 'execCPUAffinity'],
  linux: ['personality', 'intelRdt', 'memoryPolicy', 'netDevices'],
  mounts: ['uidMappings', 'gidMappings'],
} as const;

/** @throws RuntimeFailure */
function refuseUnsupported(config: RuntimeSpec): void {
  const refuse = (part: keyof typeof unsupported, document: object): void => {
    const found = unsupported[part].find(name => name in document);
    if (found) throw fail(`${part}.${found} is not supported`);
  };
  refuse('process', config.process);
  refuse('linux', config.linux);
  for (const mount of config.mounts) refuse('mounts', mount);
}

function checkMappings(hasUser: boolean, linux: { uidMappings?: IdMapping[]; gidMappings?: IdMapping[] }): void {
  const { uidMappings = [], gidMappings = [] } = linux;
  const hasMappings = uidMappings.length > 0 && gidMappings.length > 0;
  if (!hasUser && uidMappings.length + gidMappings.length > 0) {
    throw fail("user namespace mappings specified, but user namespace isn't enabled in the config");
  }
  if (hasUser && !hasMappings) throw fail('User namespaces enabled, but no user mapping found.');
  for (const mappings of hasUser ? [uidMappings, gidMappings] : []) {
    if (!mappings.some(({ containerID }) => containerID === 0))
      throw fail('User namespaces enabled, but no mapping of root found.');
  }
}

/** The number outside of a user of the container. */
export function hostUser(uid: number, { linux }: RuntimeSpec): number {
  const found = linux.uidMappings?.find(({ containerID, size }) => uid >= containerID && uid < containerID + size);
  return found ? found.hostID + uid - found.containerID : uid;
}
