import { describe, expect, it } from 'vitest';
import type { ContainerId } from '../../../../contracts/brand.ts';
import type { RuntimeSpec } from '../../../../contracts/oci/runtime-spec.ts';
import { dumpArguments, savedProcess } from '../../../../guest-agent/runtime/checkpoint-plan.ts';
import type { LaunchRequest } from '../../../../guest-agent/runtime/contract.ts';
import { restorePlan } from '../../../../guest-agent/runtime/restore-plan.ts';
import { criuError, type SavedProcess } from '../../../../guest-agent/runtime/saved-process.ts';

const spec: RuntimeSpec = {
  ociVersion: '1.2.1',
  process: { user: { uid: 0, gid: 0 }, args: ['sh'], env: [], cwd: '/' },
  root: { path: '/' },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] },
    { destination: '/etc/hosts', type: 'bind', source: '/var/hosts', options: ['rbind'] },
    { destination: '/my data', type: 'bind', source: '/host/data', options: ['rbind'] },
    { destination: '/my data/scratch', type: 'tmpfs', source: 'tmpfs' },
  ],
  linux: {
    namespaces: [{ type: 'mount' }, { type: 'network', path: '/proc/9/fd/7' }, { type: 'cgroup' }],
    maskedPaths: ['/proc/keys', '/proc/absent'],
  },
};

const mountinfo = `50 40 0:30 / / rw,relatime - overlay overlay rw
51 50 0:31 / /proc rw - proc proc rw
52 51 0:31 /bus /proc/bus ro - proc proc rw
53 51 0:32 /null /proc/keys ro - tmpfs none rw
54 50 0:33 / /dev rw - tmpfs tmpfs rw
55 50 0:34 / /sys/fs/cgroup ro - tmpfs tmpfs rw
56 55 0:35 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
57 50 8:1 /var/hosts /etc/hosts rw - ext4 /dev/sda rw
58 50 8:1 /host/data /my\\040data rw - ext4 /dev/sda rw
59 58 8:2 / /my\\040data/below rw - ext4 /dev/sdb rw
60 58 0:36 / /my\\040data/scratch rw - tmpfs tmpfs rw
61 50 0:37 / /made-inside rw - tmpfs tmpfs rw
`;

const saved: SavedProcess = savedProcess(spec, {
  mountinfo,
  files: [
    { mountId: 90, inode: 2, kind: 'null' },
    { mountId: 91, inode: 255, kind: 'fifo' },
    { mountId: 91, inode: 255, kind: 'fifo' },
    { mountId: 91, inode: 256, kind: 'fifo' },
    { mountId: 92, inode: 300, kind: 'fifo' },
    { mountId: 54, inode: 256, kind: 'fifo' },
    { mountId: 93, inode: 9, kind: 'other' },
  ],
  network: 4026531,
  streams: { stdout: 255, stderr: 256 },
});

describe('a checkpoint', () => {
  it('leaves to the launch what comes from outside: binds, masks, control groups, streams, the network', () => {
    expect(saved).toEqual({
      version: 1,
      mounts: ['/proc/keys', '/sys/fs/cgroup', '/sys/fs/cgroup/memory', '/etc/hosts', '/my data', '/my data/below'],
      files: [
        { key: 'file[5a:2]', stream: 'null' },
        { key: 'file[5b:ff]', stream: 'stdout' },
        { key: 'file[5b:100]', stream: 'stderr' },
      ],
      hasNetwork: true,
    });
  });

  it('is asked of CRIU by these words', () => {
    const few = { ...saved, mounts: ['/etc/hosts'] };
    const options = {
      ...{ pid: 77, directory: '/there', freezer: '/sys/fs/cgroup/freezer/x' },
      ...{ network: 4026531, networkLock: 'nftables' as const },
    };
    expect(dumpArguments(few, { ...options, leaveRunning: true }).join(' ')).toBe(
      'dump --tree 77 --images-dir /there -v4 --log-file dump.log --manage-cgroups=ignore ' +
        '--freeze-cgroup /sys/fs/cgroup/freezer/x --network-lock nftables --leave-running --external mnt[/etc/hosts]:/etc/hosts ' +
        '--external file[5a:2] --external file[5b:ff] --external file[5b:100] --external net[4026531]:extRootNetNS',
    );
    expect(dumpArguments(few, { ...options, leaveRunning: false })).not.toContain('--leave-running');
  });

  it('comes back by a child that mounts as for a launch and becomes CRIU', () => {
    const request: LaunchRequest = {
      id: 'c'.repeat(64) as ContainerId,
      spec,
      rootfs: { lowerdirs: ['/l'], upperdir: '/u', workdir: '/w' },
      stdio: { terminal: false, stdin: null, stdout: '/run/c/stdout', stderr: '/run/c/stderr' },
      cgroup: { version: 2, directory: '/sys/fs/cgroup/c' },
      checkpoint: '/there',
    };
    const facts = { criu: '/usr/sbin/criu', path: '/usr/bin', saved, work: '/run/c' };
    const plan = restorePlan(request, facts, { cgroups: { version: 2 }, mountPoint: '/run/rootfs', hasKcore: false });
    expect(plan).toMatchObject({ cgroup: '/sys/fs/cgroup/c', successor: '/run/c/restored.pid' });
    expect(plan.steps.map(({ op }) => op)).toEqual(
      'stdio oomScore newSession propagation root mount mount unshare mount bind bind mount mask copyRoot offer user execve'.split(
        ' ',
      ),
    );
    expect(plan.steps).toContainEqual({ op: 'mask', path: '/proc/keys' });
    expect(plan.steps).toContainEqual({
      op: 'offer',
      files: [
        { path: '/proc/9/fd/7', mode: 'r' },
        { path: null, mode: 'w' },
        { path: '/run/c/stdout', mode: 'w' },
        { path: '/run/c/stderr', mode: 'w' },
      ],
    });
    const last = plan.steps.at(-1);
    const words = last?.op === 'execve' ? last.args.join(' ') : '';
    expect(words).toContain(
      '/usr/sbin/criu restore --images-dir /there --work-dir /run/c -v4 --log-file restore.log ' +
        '--root /run/c/root --restore-detached --restore-sibling --pidfile /run/c/restored.pid',
    );
    expect(words).toContain('--external mnt[/my data]:/run/rootfs/my data');
    expect(words).toContain('--inherit-fd fd[200]:extRootNetNS --inherit-fd fd[201]:file[5a:2]');
  });
});

describe('what CRIU says', () => {
  it.each([
    [
      `(00.01) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted
(00.02) Warn  (criu/x.c:1): nothing
(00.03)     17: Error (criu/sk-inet.c:191): inet: Connected TCP socket, consider using --tcp-established option.
(00.04) Error (criu/cr-dump.c:1768): Dump files (pid: 17) failed with -1`,
      'criu failed: inet: Connected TCP socket, consider using --tcp-established option.',
    ],
    ['', 'criu failed: its log names no error'],
  ])('is told by the first of its errors that matters', (log, told) => {
    expect(criuError(log)).toBe(told);
  });
});
