import type { IdMapping, RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';
import type { LaunchStep } from '../keeper/protocol.ts';
import { CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER } from '../syscalls/namespace-flags.ts';

type StepOf<Op extends LaunchStep['op']> = Extract<LaunchStep, { op: Op }>;

/** What a plan is, as far as it matters here. */
interface Plan {
  cloneFlags: number;
  steps: LaunchStep[];
}

/** These must be root's of the machine: streams, limits, labels, and what is joined. */
const early = new Set<LaunchStep['op']>([
  'openGate',
  'stdio',
  'oomScore',
  'limits',
  'apparmor',
  'enterNamespace',
  'joinCgroup',
]);
/** Only root of the machine may mount them; of the network's namespace, which belongs to the machine. */
const machineFilesystems = new Set(['sysfs']);

/** The number outside of root inside. @throws Error when root has none */
export function rootOf(mappings: readonly IdMapping[] = []): number {
  const found = mappings.find(({ containerID }) => containerID === 0);
  if (!found) throw new Error('a user namespace without root');
  return found.hostID;
}

export const hasUserNamespace = ({ linux }: RuntimeSpec): boolean =>
  linux.namespaces.some(({ type }) => type === 'user');

/**
 * The plan of a container whose users are unprivileged numbers outside (`userns-remap`). Everything is done in a user
 * namespace, by its root, and every namespace but the network's belongs to it; only what that root may not do is done
 * before, and held until its step comes. Pure.
 */
export function withUserNamespace({ cloneFlags, steps, ...birth }: Plan, spec: RuntimeSpec): Plan {
  const { uidMappings, gidMappings, namespaces = [] } = spec.linux;
  const path = namespaces.find(({ type }) => type === 'user')?.path;
  const rootUid = rootOf(uidMappings);
  const rest = steps.filter(step => !early.has(step.op) && step.op !== 'hold');
  const privileged = new Set(['net']);
  const sysctls = steps.filter(step => step.op === 'sysctls').flatMap(step => Object.entries(step.values));
  const [outer, inner] = [true, false].map(isOuter =>
    Object.fromEntries(sysctls.filter(([name]) => privileged.has(name.split('.')[0] ?? '') === isOuter)),
  );
  return {
    ...birth,
    cloneFlags: CLONE_NEWNS,
    steps: [
      ...steps.filter(step => early.has(step.op)).map(step => outside(step, rootUid)),
      ...sysctlSteps(outer),
      { op: 'userNamespace', uidMap: mapText(uidMappings), gidMap: mapText(gidMappings), ...(path ? { path } : {}) },
      preparation(rest, spec),
      { op: 'enterUser' },
      { op: 'unshare', flags: cloneFlags },
      ...(cloneFlags & CLONE_NEWPID ? [{ op: 'rebirth' } as const] : []),
      ...rest.flatMap(step => insideSteps(step, inner)),
    ],
  };
}

/** The plan of a process that joins such a container. Pure. */
export function joiningUserNamespace({ steps, ...birth }: Plan, rootUid: number): Plan {
  const flow = steps.filter(step => !early.has(step.op));
  return {
    ...birth,
    steps: [
      ...steps.filter(step => early.has(step.op)).map(step => outside(step, rootUid)),
      ...flow.flatMap((step): LaunchStep[] =>
        step.op === 'enterContainer' ? [{ ...step, flags: step.flags | CLONE_NEWUSER }, { op: 'enterUser' }] : [step],
      ),
    ],
  };
}

function insideSteps(step: LaunchStep, sysctls: Record<string, string> | undefined): LaunchStep[] {
  if (step.op === 'sysctls') return sysctlSteps(sysctls);
  return [step.op === 'root' || step.op === 'bindRoot' ? { ...step, target: '.' } : step];
}

const outside = (step: LaunchStep, rootUid: number): LaunchStep =>
  step.op === 'stdio' ? { ...step, uid: rootUid + step.uid } : step;

const sysctlSteps = (values: Record<string, string> = {}): LaunchStep[] =>
  Object.keys(values).length > 0 ? [{ op: 'sysctls', values }] : [];

const mapText = (mappings: readonly IdMapping[] = []): string =>
  mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');

function preparation(steps: readonly LaunchStep[], spec: RuntimeSpec): LaunchStep {
  const all = <Op extends LaunchStep['op']>(op: Op): StepOf<Op>[] =>
    steps.filter((step): step is StepOf<Op> => step.op === op);
  const [root] = [...all('root'), ...all('bindRoot')];
  if (!root) throw new Error('a user namespace without a root file system');
  return {
    op: 'prepareForUser',
    root,
    binds: [...all('bind'), ...all('mount').flatMap(({ binds = [] }) => binds)],
    mapped: spec.mounts.filter(({ options }) => options?.includes('idmap')).map(({ destination }) => destination),
    devices: all('device'),
    filesystems: all('mount').filter(({ type }) => machineFilesystems.has(type)),
    rootUid: rootOf(spec.linux.uidMappings),
    rootGid: rootOf(spec.linux.gidMappings),
  };
}
