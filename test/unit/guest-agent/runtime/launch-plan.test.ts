import { describe, expect, it } from 'vitest';
import type { ContainerId, ExecId } from '../../../../contracts/brand.ts';
import type { RuntimeSpec } from '../../../../contracts/oci/runtime-spec.ts';
import { parseCgroupLayout } from '../../../../guest-agent/runtime/cgroup-layout.ts';
import type { ExecRequest, LaunchRequest } from '../../../../guest-agent/runtime/contract.ts';
import { execPlan, launchPlan } from '../../../../guest-agent/runtime/launch-plan.ts';
import { type CgroupLayout, parseMountOptions } from '../../../../guest-agent/runtime/mount-plan.ts';

const id = 'c'.repeat(64) as ContainerId;
const splitLayout = parseCgroupLayout('5:name=systemd:/\n4:cpu,cpuacct:/x\n3:memory:/\n0::/\n');

function request(change: (spec: RuntimeSpec, request: LaunchRequest) => void = () => undefined): LaunchRequest {
  const spec: RuntimeSpec = {
    ociVersion: '1.2.0',
    process: {
      user: { uid: 1000, gid: 1000, additionalGids: [10] },
      args: ['nginx', '-g', 'daemon off;'],
      env: ['PATH=/usr/bin'],
      cwd: '/srv',
      capabilities: { bounding: ['CAP_CHOWN'], permitted: ['CAP_CHOWN'], effective: ['CAP_CHOWN'] },
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 4096 }],
      noNewPrivileges: true,
      oomScoreAdj: 100,
      apparmorProfile: 'docker-default',
    },
    root: { path: '/', readonly: true },
    hostname: 'web',
    domainname: 'example.org',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', 'nosuid'] },
      { destination: '/etc/hosts', type: 'bind', source: '/run/x/hosts', options: ['rbind', 'rprivate'] },
      { destination: '/data', type: 'bind', source: '/srv/data', options: ['rbind', 'ro', 'rslave'] },
      { destination: '/cache', type: 'tmpfs', source: 'tmpfs', options: ['ro', 'noexec', 'size=1m'] },
    ],
    linux: {
      namespaces: [
        { type: 'pid' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'mount' },
        { type: 'cgroup' },
        { type: 'network', path: '/run/x/netns/7' },
      ],
      devices: [{ type: 'b', path: '/dev/loop0', major: 7, minor: 0, fileMode: 0o660, gid: 6 }],
      sysctl: { 'net.core.somaxconn': '1024' },
      maskedPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
      cgroupsPath: '/berth/c',
    },
  };
  const made: LaunchRequest = {
    id,
    spec,
    rootfs: { lowerdirs: ['/l/2', '/l/1'], upperdir: '/u', workdir: '/w', options: ['userxattr'] },
    stdio: { terminal: false, stdin: null, stdout: '/f/out', stderr: '/f/err' },
    cgroup: { version: 1, tasks: ['/sys/fs/cgroup/memory/berth/c/tasks'] },
  };
  change(spec, made);
  return made;
}

const golden = (name: string): string => `__golden__/${name}.json`;
const plan = (made: LaunchRequest, cgroups: CgroupLayout): string =>
  `${JSON.stringify(launchPlan(made, { cgroups, mountPoint: '/run/x/rootfs', hasKcore: true }), undefined, 1)}\n`;

describe('the plan of a launch', () => {
  it('is complete and in order on cgroup v1', async () => {
    await expect(plan(request(), splitLayout)).toMatchFileSnapshot(golden('launch-v1'));
  });

  it('is born into its cgroup on v2, with a terminal and an init', async () => {
    const made = request((spec, all) => {
      all.cgroup = { version: 2, directory: '/sys/fs/cgroup/berth/c' };
      all.stdio = { terminal: true, size: { rows: 24, columns: 80 } };
      all.init = '/usr/libexec/init';
      all.seccompFilter = Buffer.from([6, 0, 0, 0, 0, 0, 0xff, 0x7f]);
      spec.process.noNewPrivileges = false;
      spec.linux.namespaces = [{ type: 'pid', path: '/proc/5/ns/pid' }, { type: 'network' }, { type: 'cgroup' }];
    });
    await expect(plan(made, { version: 2 })).toMatchFileSnapshot(golden('launch-v2-terminal'));
  });

  it('moves there late on v2 where moving is cheap', () => {
    const mountinfo = '31 24 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate,favordynmods\n';
    const made = request((_spec, all) => {
      all.cgroup = { version: 2, directory: '/sys/fs/cgroup/berth/c' };
    });
    const { cgroup, steps } = launchPlan(made, {
      cgroups: parseCgroupLayout('0::/\n', mountinfo),
      mountPoint: '/',
      hasKcore: true,
    });
    expect(cgroup).toBeUndefined();
    expect(steps).toContainEqual({ op: 'joinCgroup', tasks: ['/sys/fs/cgroup/berth/c/cgroup.procs'] });
  });

  it('leaves the devices alone when the container has the host’s', () => {
    const made = request(spec => {
      spec.mounts = [{ destination: '/dev', type: 'bind', source: '/dev', options: ['rbind'] }];
    });
    const { steps } = launchPlan(made, { cgroups: { version: 2 }, mountPoint: '/', hasKcore: true });
    expect(steps.some(step => step.op === 'device')).toBe(false);
  });

  it('shows the host’s cgroups by binding when there is no cgroup namespace', () => {
    const made = request(spec => {
      spec.linux.namespaces = [{ type: 'pid' }];
    });
    const { steps } = launchPlan(made, { cgroups: splitLayout, mountPoint: '/', hasKcore: true });
    expect(steps.some(step => step.op === 'unshare')).toBe(false);
    const folder = steps.find(step => step.op === 'mount' && step.target === '/sys/fs/cgroup');
    expect(folder).toMatchObject({
      type: 'tmpfs',
      binds: [{ source: '/sys/fs/cgroup/systemd/berth/c' }, {}, { source: '/sys/fs/cgroup/memory/berth/c' }],
    });
  });
});

describe('the plan of an exec', () => {
  it('joins and ends as a launch does', async () => {
    const { spec } = request();
    const made: ExecRequest = {
      id: 'e'.repeat(64) as ExecId,
      container: id,
      containerPid: 1234,
      process: spec.process,
      stdio: { terminal: true },
      cgroup: { version: 1, tasks: ['/sys/fs/cgroup/memory/berth/c/tasks'] },
    };
    await expect(`${JSON.stringify(execPlan(made), undefined, 1)}\n`).toMatchFileSnapshot(golden('exec'));
  });
});

describe('mount options', () => {
  it('become bits, and the last word wins', () => {
    expect(parseMountOptions(['ro', 'rw', 'nosuid', 'size=1m', 'defaults'])).toMatchObject({
      set: 2,
      clear: 1,
      data: ['size=1m'],
    });
    expect(parseMountOptions(['rw', 'ro'])).toMatchObject({ set: 1, clear: 0 });
    expect(parseMountOptions(['rbind', 'rshared', 'rro'])).toMatchObject({
      bind: true,
      recursive: true,
      setAll: 1,
      set: 0,
      propagation: (1 << 20) | 0x4000,
    });
    expect(parseMountOptions(['noatime'])).toMatchObject({ set: 0x10, clear: 0x70 });
  });
});

describe('the layout of cgroups', () => {
  it('is read from /proc/self/cgroup', () => {
    expect(parseCgroupLayout('0::/user.slice\n')).toEqual({ version: 2 });
    expect(splitLayout).toEqual({
      version: 1,
      hierarchies: [
        { folder: 'systemd', options: ['none', 'name=systemd'] },
        { folder: 'cpu,cpuacct', options: ['cpu', 'cpuacct'] },
        { folder: 'memory', options: ['memory'] },
      ],
    });
  });
});
