import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ContainerId } from '../../../../contracts/brand.ts';
import type { ContainerConfig, HostConfig } from '../../../../contracts/docker/containers.ts';
import type { Digest } from '../../../../contracts/oci/digest.ts';
import type { ContainerRecord } from '../../../../guest-agent/engine/container-record.ts';
import { completeHostConfig } from '../../../../guest-agent/engine/host-config.ts';
import { toLinuxResources } from '../../../../guest-agent/engine/resources.ts';
import { type SpecFacts, toRuntimeSpec } from '../../../../guest-agent/engine/runtime-spec.ts';
import { usualSteps } from '../../../../guest-agent/keeper/ahead.ts';
import { launchPlan } from '../../../../guest-agent/runtime/launch-plan.ts';

const id = 'ab'.repeat(32) as ContainerId;

const facts: SpecFacts = {
  cgroupVersion: 2,
  cgroupsPath: `/berth/${id}`,
  rootPath: '/',
  user: { uid: 0, gid: 0, additionalGids: [10], home: '/root' },
  additionalGids: [],
  hostname: 'box',
  networkNamespace: '/run/netns/1',
  hostMqueue: false,
  mounts: [{ destination: '/etc/hosts', type: 'bind', source: '/c/hosts', options: ['rbind', 'rprivate'] }],
  resources: {},
  devices: [],
  deviceRules: [],
  furtherMaskedPaths: ['/sys/devices/system/cpu/cpu0/thermal_throttle'],
};

const record = (config: ContainerConfig, hostConfig: HostConfig): ContainerRecord => ({
  version: 1,
  id,
  name: 'box',
  createdAt: '2026-01-01T00:00:00Z',
  image: { id: `sha256:${'0'.repeat(64)}` as Digest, reference: 'busybox', os: 'linux' },
  config: { Cmd: ['true'], ...config },
  hostConfig: completeHostConfig(hostConfig, { cgroupVersion: 2 }),
  networkingConfig: {},
  mounts: [],
  anonymousVolumes: [],
  state: { status: 'created' },
  restartCount: 0,
  manuallyStopped: false,
});

const golden = (name: string): string => join(import.meta.dirname, '__golden__', `${name}.json`);
const text = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

describe('the runtime spec', () => {
  it('of docker run', async () => {
    await expect(text(toRuntimeSpec(record({}, {}), facts))).toMatchFileSnapshot(golden('plain'));
  });

  it('of docker run asks for all that the keeper makes ahead', () => {
    const { steps } = launchPlan(
      {
        id,
        spec: toRuntimeSpec(record({}, {}), facts),
        rootfs: { lowerdirs: ['/l'], upperdir: '/u', workdir: '/w', options: [] },
        stdio: { terminal: false, stdin: null, stdout: '/out', stderr: '/err' },
        cgroup: { version: 2, directory: '/sys/fs/cgroup/berth/c' },
      },
      { cgroups: { version: 2, cheapMoves: true }, mountPoint: '/run/x/rootfs', hasKcore: true },
    );
    expect(steps).toEqual(expect.arrayContaining(Object.values(usualSteps).flat()));
  });

  it('of a confined service', async () => {
    const host: HostConfig = {
      Memory: 64 << 20,
      NanoCpus: 500_000_000,
      PidsLimit: 10,
      CapDrop: ['ALL'],
      CapAdd: ['NET_BIND_SERVICE'],
      ReadonlyRootfs: true,
      SecurityOpt: ['no-new-privileges'],
      Ulimits: [{ Name: 'nofile', Soft: 1024, Hard: 2048 }],
      Sysctls: { 'net.core.somaxconn': '1024' },
    };
    const limits = toLinuxResources(completeHostConfig(host, { cgroupVersion: 2 }), () => ({ major: 0, minor: 0 }));
    const user = { uid: 33, gid: 33, additionalGids: [], home: '/srv' };
    const spec = toRuntimeSpec(record({ Tty: true, WorkingDir: '/srv', Env: ['A=b'] }, host), {
      ...facts,
      user,
      resources: limits,
      consoleSize: { rows: 24, columns: 80 },
    });
    await expect(text(spec)).toMatchFileSnapshot(golden('confined'));
  });

  it('of a privileged container in the namespaces of the host', async () => {
    const host: HostConfig = {
      Privileged: true,
      PidMode: 'host',
      IpcMode: 'host',
      UTSMode: 'host',
      NetworkMode: 'host',
    };
    const { networkNamespace: _, ...shared } = facts;
    const spec = toRuntimeSpec(record({}, host), { ...shared, shm: {}, hostMqueue: true });
    await expect(text(spec)).toMatchFileSnapshot(golden('privileged'));
  });
});

describe('limits that are refused', () => {
  const refusals: [HostConfig, string][] = [
    [{ RestartPolicy: { Name: 'often' } }, "invalid restart policy: unknown policy 'often'"],
    [
      { AutoRemove: true, RestartPolicy: { Name: 'always' } },
      "can't create 'AutoRemove' container with restart policy",
    ],
    [{ PidMode: 'mine' }, 'invalid PID mode: mine'],
    [{ SecurityOpt: ['nonsense'] }, 'invalid --security-opt 1: "nonsense"'],
  ];
  it.each(refusals)('%j', async (host, message) => {
    const { checkHostConfig } = await import('../../../../guest-agent/engine/host-config.ts');
    expect(() => checkHostConfig(host, { cpus: 2 })).toThrow(message);
  });
});
