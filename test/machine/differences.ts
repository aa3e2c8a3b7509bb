import type { Outcome } from '../docker-api/replay.ts';

/** Where a machine rightly answers otherwise than the dockerd that was recorded, which ran on a host's own kernel. */
interface Difference {
  /** The command, or how it begins. */
  docker: string;
  why: string;
  becomes(recorded: Outcome): Partial<Outcome>;
}

const notShared = (path: string): string =>
  `Error response from daemon: invalid mount config for type "bind": ${path} is on the host, ` +
  'and sharing host folders with the machine is not there yet. Use a volume, or copy files with docker cp\n';

/** The machine's host finds the port taken, not the engine. */
const takenOnHost = ({ stderr }: Outcome): Partial<Outcome> => ({
  stderr: stderr.replace(
    /driver failed .*: address already in use/,
    'Ports are not available: exposing port TCP {taken}: address already in use on the host',
  ),
});

const differences: Difference[] = [
  {
    docker: 'run --rm busybox ls -l /dev',
    why: 'the kernel of the recording host has no /proc/kcore, so there was nothing to link to',
    becomes: ({ stdout }) => ({
      stdout: stdout.replace(
        /total 0\n/,
        '$&lrwxrwxrwx    1 root     root            11 <hidden> core -> /proc/kcore\n',
      ),
    }),
  },
  {
    docker: 'run --rm busybox sh -c cat /proc/keys',
    why: 'and what is there, the AppArmor profile keeps from it',
    becomes: ({ stderr }) => ({ stderr: stderr.replace('No such file or directory', 'Permission denied') }),
  },
  {
    docker: 'run --rm busybox sh -c echo 1 > /proc/sys/kernel/printk',
    why: 'the kernel of the recording host has no /proc/sysrq-trigger; here it is there, and read-only',
    becomes: ({ stderr }) => ({ stderr: stderr.replace('nonexistent directory', 'Read-only file system') }),
  },
  {
    docker: 'create --mount type=bind,source=/no/such/path,target=/x busybox',
    why: 'folders of the host are refused by name',
    becomes: () => ({ stderr: notShared('/no/such/path') }),
  },
  {
    docker: 'create -v /tmp:/x -v /tmp:/x busybox',
    why: 'as before',
    becomes: () => ({ code: 1, stdout: '', stderr: notShared('/tmp') }),
  },
  {
    docker: 'ps -a --format {{.Image}}|{{.Status}}',
    why: 'so there is one container less',
    becomes: ({ stdout }) => ({ stdout: stdout.replace('busybox|Created\n', '') }),
  },
  {
    docker: 'run --rm --tmpfs /t busybox sh -c grep " /t " /proc/mounts',
    why: 'newer kernels tell how wide the inodes of a tmpfs are',
    becomes: ({ stdout }) => ({ stdout: stdout.replace('relatime', 'relatime,inode64') }),
  },
  {
    docker: 'run --rm -v memory:/data busybox sh -c ls -nd /data',
    why: 'as before',
    becomes: ({ stdout }) => ({ stdout: stdout.replace('uid=1<hidden>', 'uid=1000,inod<hidden>') }),
  },
  {
    docker: 'run --rm --mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770 busybox',
    why: 'as before',
    becomes: ({ stdout }) => ({ stdout: stdout.replace('mode=1<hidden>', 'mode=1770,inod<hidden>') }),
  },
  {
    docker: 'run --rm --tmpfs /t:ro,noexec,size=64k,uid=5 busybox grep',
    why: 'as before',
    becomes: ({ stdout }) => ({ stdout: stdout.replace('uid=5', 'uid=5<hidden>') }),
  },
  {
    docker: 'exec --privileged ca sh -c grep -c ffffffff /proc/self/status',
    why: 'the recording host has not all capabilities itself: there only the bounding set of the mask is full',
    becomes: () => ({ stdout: '4\n' }),
  },
  {
    docker: 'inspect one --format {{json .NetworkSettings.Ports}}',
    why: 'ports reach the machine by IPv4 only',
    becomes: ({ stdout }) => ({ stdout: stdout.replace(/,\{"HostIp":"::","HostPort":"\d+"\}/, '') }),
  },
  {
    docker: 'inspect --format {{json .HostConfig}} looked-at',
    why: 'with cgroup v2 a container has a cgroup namespace of its own, with v1, as on the recording host, it has not',
    becomes: ({ stdout }) => ({ stdout: stdout.replace('"CgroupnsMode":"host"', '"CgroupnsMode":"private"') }),
  },
  { docker: 'run --name ca -p {taken}:80 busybox true', why: 'it is the host who listens', becomes: takenOnHost },
  { docker: 'start ca', why: 'as before', becomes: takenOnHost },
];

/** What was recorded, with the machine's differences put in. */
export function withDifferences(recorded: readonly Outcome[]): Outcome[] {
  return recorded.map(outcome => {
    const command = outcome.docker.join(' ');
    const difference = differences.find(({ docker }) => command.startsWith(docker));
    return { ...outcome, ...difference?.becomes(outcome) };
  });
}
