import type { DeviceRequest } from '../../contracts/docker/host-config.ts';
import { internal } from '../../contracts/errors.ts';
import type { DeviceRule, RuntimeDevice, RuntimeHooks, RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';
import { type CdiDeviceNode, type CdiEdits, type CdiSpec, readCdiSpecs } from './cdi-spec.ts';
import { withVariables } from './config.ts';
import { readDevice, ruleOf } from './devices.ts';

const gpuKind = 'nvidia.com/gpu';

/** `--device vendor.com/class=name` and `--gpus`: the specification with what the devices ask of it. @throws in Docker's words */
export async function withRequestedDevices(
  spec: RuntimeSpec,
  requests: readonly DeviceRequest[],
): Promise<RuntimeSpec> {
  const specs = await readCdiSpecs();
  const names = requests.flatMap(request => namesOf(request, specs));
  return withEdits(spec, editsOf(names, specs));
}

/** Qualified names of the devices of one request. */
function namesOf(request: DeviceRequest, specs: readonly CdiSpec[][]): string[] {
  const { Driver = '', Capabilities = [], DeviceIDs = [], Count = 0 } = request;
  if (Driver === 'cdi') {
    if (Object.keys(request.Options ?? {}).length > 0) throw internal('unexpected options in CDI device request');
    return DeviceIDs;
  }
  const wantsGpu = Capabilities.some(all => all.includes('gpu'));
  const hasGpus = specs.flat().some(({ kind }) => kind === gpuKind);
  if (!wantsGpu || !hasGpus || (Driver !== '' && Driver !== 'nvidia')) {
    const wanted = `[${Capabilities.map(list => `[${list.join(' ')}]`).join(' ')}]`;
    throw internal(`could not select device driver ${JSON.stringify(Driver)} with capabilities: ${wanted}`);
  }
  const ids =
    DeviceIDs.length > 0 ? DeviceIDs : Count < 0 ? ['all'] : Array.from({ length: Count }, (_, at) => `${at}`);
  return ids.map(id => `${gpuKind}=${id}`);
}

/** Of each device, and before it once those of its document. @throws internal in Docker's words */
export function editsOf(names: readonly string[], specs: readonly CdiSpec[][]): CdiEdits[] {
  const found = names.map(name => ({ name, at: findDevice(name, specs) }));
  const missing = found.filter(({ at }) => at === undefined).map(({ name }) => name);
  if (missing.length > 0) {
    throw internal(`CDI device injection failed: unresolvable CDI devices ${missing.join(', ')}`);
  }
  const seen = new Set<CdiSpec>();
  return found.flatMap(({ at }) => {
    if (!at) return [];
    const common = seen.has(at.spec) ? {} : (at.spec.containerEdits ?? {});
    seen.add(at.spec);
    return [common, at.device.containerEdits ?? {}];
  });
}

/** The one that counts most; two of the same rank contradict each other and neither counts. */
function findDevice(
  name: string,
  specs: readonly CdiSpec[][],
): { spec: CdiSpec; device: CdiSpec['devices'][number] } | undefined {
  const [kind, id] = name.split('=', 2);
  for (const folder of specs.toReversed()) {
    const found = folder.flatMap(spec =>
      spec.kind === kind ? spec.devices.filter(device => device.name === id).map(device => ({ spec, device })) : [],
    );
    if (found.length > 0) return found.length === 1 ? found[0] : undefined;
  }
  return undefined;
}

/** Pure but for the numbers of device nodes that a document leaves to the host. */
export function withEdits(spec: RuntimeSpec, edits: readonly CdiEdits[]): RuntimeSpec {
  const all = <Key extends keyof CdiEdits>(key: Key): NonNullable<CdiEdits[Key]>[number][] =>
    edits.flatMap(edit => (edit[key] ?? []) as NonNullable<CdiEdits[Key]>[number][]);
  const nodes = all('deviceNodes').map(toDevice);
  const { process, linux } = spec;
  const { user } = process;
  const paths = new Set(nodes.map(({ device }) => device.path));
  const mounts = all('mounts').map(({ hostPath, containerPath, options = ['ro', 'bind'], type = 'bind' }) => ({
    ...{ destination: containerPath, source: hostPath, type, options },
  }));
  return {
    ...spec,
    process: {
      ...process,
      env: withVariables(process.env, all('env')),
      user: { ...user, additionalGids: [...new Set([...(user.additionalGids ?? []), ...all('additionalGids')])] },
    },
    mounts: [...spec.mounts, ...mounts],
    ...(all('hooks').length > 0 ? { hooks: withHooks(spec.hooks ?? {}, all('hooks')) } : {}),
    linux: {
      ...linux,
      devices: [...(linux.devices ?? []).filter(({ path }) => !paths.has(path)), ...nodes.map(({ device }) => device)],
      resources: {
        ...linux.resources,
        devices: [...(linux.resources?.devices ?? []), ...nodes.flatMap(({ rule }) => rule ?? [])],
      },
    },
  };
}

function withHooks(hooks: RuntimeHooks, added: NonNullable<CdiEdits['hooks']>): RuntimeHooks {
  const merged: RuntimeHooks = { ...hooks };
  for (const { hookName, ...hook } of added) merged[hookName] = [...(merged[hookName] ?? []), hook];
  return merged;
}

/** @throws internal in Docker's words when the host has no such node */
function toDevice(node: CdiDeviceNode): { device: RuntimeDevice; rule: DeviceRule | undefined } {
  const { path, hostPath = path, permissions = 'rwm', ...given } = node;
  const isWhole = given.type !== undefined && (given.type === 'p' || given.major !== undefined);
  const found = isWhole ? undefined : readDevice(hostPath, path);
  if (!isWhole && !found) {
    throw internal(
      `CDI device injection failed: failed to inject devices: failed to stat CDI host device "${hostPath}"`,
    );
  }
  const { uid: _uid, gid: _gid, fileMode: _mode, ...numbers } = found ?? { path, type: given.type ?? 'c' };
  const device: RuntimeDevice = { ...numbers, ...given, path };
  return { device, rule: device.type === 'p' ? undefined : ruleOf(device, permissions) };
}
