import { encodeHeader, endOfArchive } from '../../guest-agent/archive/tar-writer.ts';
import { type Scenario, step } from './step.ts';

const limits: Scenario = {
  name: 'options: devices and limits',
  steps: [
    step("run --rm --device-cgroup-rule 'c 42:* rw' busybox true"),
    ...["'x 1:3 rwm'", "'c 1:3 q'", 'nonsense'].map(rule => step(`create --device-cgroup-rule ${rule} busybox`)),
    step('run --rm --device /dev/zero:/dev/own:r busybox stat -c %t:%T /dev/own'),
    ...['/dev/zero:/dev/own:q', '/dev/zero:relative', '/etc:/dev/own', 'a:b:c:d'].map(device =>
      step(`run --rm --device ${device} busybox true`),
    ),
    ...['all', 'device=0', 'driver=nope,count=1', 'nope', 'all,capabilities=nope'].map(gpus =>
      step(`run --rm --gpus ${gpus} busybox true`),
    ),
    ...['--device-read-bps /dev/nosuch:1mb', '--device-read-bps /dev/null:x', '--device-read-iops /dev/null:-1'].map(
      limit => step(`run --rm ${limit} busybox true`),
    ),
    ...['--blkio-weight 5', '--blkio-weight 5000', '--blkio-weight-device /dev/null:5', '--cpu-period 10'].map(limit =>
      step(`create ${limit} busybox`),
    ),
    ...['--cpu-quota 10', '--cpus 1 --cpu-quota 10000', '--cpus 1 --cpu-period 10000', '--cpu-shares -1'].map(limit =>
      step(`create ${limit} busybox`),
    ),
    ...['--cpuset-cpus nope', '--cpuset-mems x', '--cpu-count 1', '--io-maxiops 1', '--memory 1'].map(limit =>
      step(`create ${limit} busybox`),
    ),
    ...['--memory 64m --memory-swap -2', '--memory-swappiness 101', '--memory-reservation 1'].map(limit =>
      step(`create ${limit} busybox`),
    ),
    ...['--ulimit nofile=64:32', '--ulimit nofile=x', '--ulimit nofile=1:2:3', '--oom-score-adj -1001'].map(limit =>
      step(`create ${limit} busybox`),
    ),
    step("run --rm --ulimit core=-1 --ulimit cpu=1:2 busybox sh -c 'ulimit -c; ulimit -t; ulimit -Ht'"),
  ],
};

const namespaces: Scenario = {
  name: 'options: kernel settings and namespaces',
  steps: [
    step('run --rm --sysctl kernel.msgmax=65536 busybox cat /proc/sys/kernel/msgmax'),
    ...['kernel.hostname=abc', 'vm.swappiness=1', 'net.ipv4.ip_forward=x', 'nonsense'].map(setting =>
      step(`run --rm --sysctl ${setting} busybox true`),
    ),
    step('create --sysctl net.ipv4.conf.eth0.forwarding=1 busybox'),
    step('run --rm --network host --sysctl net.ipv4.ip_default_ttl=33 busybox true'),
    step('run --rm --ipc host --sysctl kernel.msgmax=65536 busybox true'),
    step('run --rm --uts host --domainname x busybox true'),
    step("run -d --name ca --ipc shareable --shm-size 8m busybox sh -c 'echo hers >/dev/shm/f; sleep 1000'"),
    step('run -d --name cb busybox sleep 1000'),
    step("run --rm --ipc container:ca busybox sh -c 'cat /dev/shm/f; df -k /dev/shm | tail -1; echo his >/dev/shm/f'"),
    step("exec ca sh -c 'cat /dev/shm/f; df -k /dev/shm | tail -1'"),
    step("run --rm --ipc container:ca --pid container:ca busybox sh -c 'ps -o comm | grep -c sleep'"),
    ...['--ipc container:cb', '--ipc container:', '--pid container:', '--uts container:ca', '--cgroupns nope'].map(
      mode => step(`run --rm ${mode} busybox true`),
    ),
    ...['--hostname x', '-p 80:80', '-P', '--expose 80', '--dns 1.1.1.1', '--add-host a:1.1.1.1', '--link cb'].map(
      more => step(`run --rm --network container:ca ${more} busybox true`),
    ),
    step('run --rm --network container: busybox true'),
    step('stop -t 0 ca'),
    ...['ipc', 'pid', 'network'].map(kind => step(`run --rm --${kind} container:ca busybox true`)),
    step('pause cb'),
    step('run --rm --pid container:cb busybox true'),
    step('rm -f ca cb'),
  ],
};

const words: Scenario = {
  name: 'options: names of drivers, keys and groups',
  steps: [
    ...['nope=1', 'nonsense'].map(option => step(`create --storage-opt ${option} busybox`)),
    step('create --annotation =x busybox'),
    step('create --label =x busybox'),
    step('run --rm --cgroup-parent own busybox true'),
    step('run --rm --cgroup-parent own.slice busybox true'),
    step('create --isolation process busybox'),
    ...['seccomp=/nosuch', 'seccomp={}', 'label=nope:x', 'no-new-privileges=maybe', 'systempaths=nope', 'a:b:c'].map(
      option => step(`run --rm --security-opt ${option} busybox true`),
    ),
    ...['--cap-add ALL --cap-drop NET_ADMIN', '--cap-drop ALL --cap-add ALL', '--cap-add sys_admin'].map(option =>
      step(`run --rm ${option} busybox sh -c 'grep -c Cap /proc/self/status'`),
    ),
    step('create --cap-drop NOPE busybox'),
    ...['-1', ':', ':1000', 'a:b:c', '4294967296', '2147483648', '0:99999999999'].map(user =>
      step(`run --rm -u ${user} busybox id`),
    ),
    step('run --rm --group-add nosuch busybox true'),
    ...['/etc/passwd', '/a/b/../c', '/a/./b/'].map(folder => step(`run --rm -w ${folder} busybox pwd`)),
    ...['/etc/passwd:/tmp', '/tmp:/etc/passwd'].map(bind =>
      step(`run --rm -v ${bind} busybox true`, { hide: [/mount \S+( \(via \S+, flags: \w+)?: not a/g] }),
    ),
    step('run --rm --network bridge --network host busybox true'),
    step('run --rm --network bridge --network none busybox true'),
    step(`run --rm -h ${'a'.repeat(70)} busybox true`),
  ],
};

const signals: Scenario = {
  name: 'options: signals, names and links',
  steps: [
    ...['0', '65', '-1', 'RTMAX-1'].map((signal, at) => step(`create --name s${at} --stop-signal ${signal} busybox`)),
    step('run -d --name ca --stop-signal 65 busybox sleep 1000'),
    ...['65', '-1', '0', 'NOPE', 'usr3'].map(signal => step(`kill -s ${signal} ca`)),
    step('stop ca'),
    step('inspect --format {{.State.ExitCode}}|{{.Config.StopSignal}} ca'),
    step('create --name cb --link ca:alias busybox'),
    step("inspect --format '{{json .HostConfig.Links}}' cb"),
    ...['cb/alias', 'cb/alias', 'cb', 'nosuch/alias'].map(link => step(`rm --link ${link}`)),
    step("inspect --format '{{json .HostConfig.Links}}' cb"),
    ...['ca', '', 'a!', '/cc', 'cb'].map(name => step(`rename cb '${name}'`)),
    step('rename cc cc'),
    step('ps -a --format {{.Names}}'),
    step('rm ca cc'),
  ],
};

const processes: Scenario = {
  name: 'options: top',
  steps: [
    step("run -d --name ca busybox sh -c 'sleep 1000 & exec sleep 2000'"),
    ...['-eo comm', '-o nope', '-- -e', '-o pid=,comm='].map(options => step(`top ca ${options}`)),
    ...['ax -o comm,pid', '-eo pid=ID,comm,pid', '-C sleep -o pid,comm'].map(options =>
      step(`top ca ${options}`, { hide: [/\b\d+ */g] }),
    ),
    ...['--forest -eo pid,args', 'axf -o pid,args', '-p 1', '-o pid,nlwp,tty'].map(options =>
      step(`top ca ${options}`, { hide: [/\b\d\d+ */g] }),
    ),
    // Of the others only what stands above the columns: the rest is of the moment.
    ...['aux', '-ef', '-F', '-l', '-j', 'axl', 'axj', 'ax', '-e', '-o pid,pgid,sid,psr,etimes,sz,group,wchan'].map(
      options => step(`top ca ${options}`, { hide: [/\n[\s\S]*/] }),
    ),
    step('stop -t 0 ca'),
    step('top ca'),
    step('rm ca'),
  ],
};

/** An archive with one file of somebody else's. */
const archive = Buffer.concat([
  encodeHeader({
    ...{ name: 'file', type: 'file', mode: 0o644, uid: 7, gid: 8, size: 0, linkName: '', xattrs: new Map() },
    ...{ mtime: { seconds: 1_700_000_000, nanoseconds: 0 }, device: { major: 0, minor: 0 } },
  }),
  endOfArchive(),
]).toString();

const unread = { hide: [/[\s\S]+/] };

const copies: Scenario = {
  name: 'options: cp',
  steps: [
    step('run -d --name ca -u user -v vr:/vr:ro busybox sleep 1000'),
    // Not what is mounted there: processes, devices, settings of the kernel.
    ...['/', '/.', '/proc', '/sys', '/etc/.'].map(path => step(`cp ca:${path} -`, unread)),
    ...['/etc/passwd/', '/etc/passwd/.', '/etc/passwd/x', '/nosuch', '/nosuch/x'].map(path => step(`cp ca:${path} -`)),
    step('cp - ca:/tmp', { input: archive }),
    step('exec ca stat -c %u:%g /tmp/file'),
    step('cp -a - ca:/tmp', { input: archive }),
    step('exec ca stat -c %u:%g /tmp/file'),
    ...['/vr', '/etc/passwd', '/nosuch', '/tmp/file/'].map(path => step(`cp - ca:${path}`, { input: archive })),
    step('cp - ca:/tmp', { input: 'this is no tar' }),
    step('rm -f ca'),
    step('run -d --name cb --read-only -v vr:/vr:ro -v vw:/vw busybox sleep 1000'),
    ...['/tmp', '/vr', '/vw'].map(path => step(`cp -a - cb:${path}`, { input: archive })),
    step('exec cb stat -c %u:%g /vw/file'),
    step('rm -f cb'),
  ],
};

/** Odd forms of options, as users hit upon them. */
export const optionScenarios: Scenario[] = [limits, namespaces, words, signals, processes, copies];
