import { type Scenario, step } from './step.ts';

const hostConfig = (fields: string, name: string) =>
  step(
    `inspect --format '${fields
      .split(' ')
      .map(field => `{{json .HostConfig.${field}}}`)
      .join(' ')}' ${name}`,
  );

const limits: Scenario = {
  name: 'every option: limits',
  steps: [
    ...['--cpu-rt-period 1000000', '--cpu-rt-runtime 1000', '--cpu-rt-runtime 1000 --cpu-rt-period 500'].map(limit =>
      step(`create ${limit} busybox`),
    ),
    ...['--cpu-percent 10', '--io-maxbandwidth 1m', '--kernel-memory 64m', '--kernel-memory 1m'].map(limit =>
      step(`create ${limit} busybox`),
    ),
    ...['/dev/nosuch:1mb', '/dev/null', '/dev/null:-1', '/dev/null:1mb:1', 'null:1mb'].map(limit =>
      step(`create --device-write-bps ${limit} busybox`),
    ),
    ...['/dev/nosuch:1', '/dev/null:1mb', '/dev/null:0', '/dev/null:9999999999999999999999'].map(limit =>
      step(`create --device-write-iops ${limit} busybox`),
    ),
    step('create --name ca --device-write-bps /dev/null:1mb --device-write-iops /dev/null:7 busybox'),
    hostConfig('BlkioDeviceWriteBps BlkioDeviceWriteIOps BlkioDeviceReadBps', 'ca'),
    step('run --rm --oom-kill-disable busybox cat /sys/fs/cgroup/memory/memory.oom_control'),
    step('run --name cb -m 32m --oom-kill-disable busybox cat /sys/fs/cgroup/memory/memory.oom_control'),
    hostConfig('OomKillDisable Memory MemorySwap', 'cb'),
    step('run -d --name cc busybox sleep 1000'),
    ...['--cpu-period 50000 --cpu-quota 25000', '--cpu-shares 512', '--cpuset-cpus 0 --cpuset-mems 0'].map(limit =>
      step(`update ${limit} cc`),
    ),
    ...['--memory-reservation 32m', '--memory 1g --memory-swap 2g', '--blkio-weight 300', '--blkio-weight 1'].map(
      limit => step(`update ${limit} cc`),
    ),
    ...['--cpu-rt-period 1000000', '--cpu-rt-runtime 1000', '--cpus 0.5', '--kernel-memory 64m', '--cpuset-cpus x'].map(
      limit => step(`update ${limit} cc`),
    ),
    hostConfig('CpuPeriod CpuQuota NanoCpus CpuShares CpusetCpus CpusetMems Memory MemorySwap MemoryReservation', 'cc'),
    step('rm -f ca cb cc'),
  ],
};

const checks = '--health-cmd true --health-timeout 3s';

const containers: Scenario = {
  name: 'every option: containers',
  steps: [
    step(`create --name ca ${checks} --health-start-interval 1s --health-start-period 9s busybox`),
    step("inspect --format '{{json .Config.Healthcheck}}' ca"),
    ...['--health-timeout 1us', '--health-start-interval 1us', '--health-timeout=-1s'].map(option =>
      step(`create --health-cmd true ${option} busybox`),
    ),
    step('run --rm --disable-content-trust=false busybox true', { hide: [/[\s\S]+/] }),
    step('run --rm --disable-content-trust busybox echo trusted'),
    step('run --rm --privileged busybox sh -c \'mount -t tmpfs x /tmp && df /tmp | tail -1 | cut -d" " -f 1\''),
    step(
      "run --rm --privileged busybox sh -c 'echo 1 > /proc/sys/vm/swappiness; grep -E Seccomp:\\|NoNew /proc/1/status'",
      {
        hide: [/sh: .*swappiness.*\n/],
      },
    ),
    step('create --use-api-socket busybox'),
    step('run --rm --sig-proxy=false busybox echo unsignalled'),
    step('run --rm --volume-driver local -v one:/one busybox touch /one/file'),
    step('run --rm --pull never --volume-driver nope -v two:/two busybox true'),
    hostConfig('VolumeDriver OomKillDisable', 'ca'),
    step("run -d --name cb busybox sh -c 'echo said; ln -s /etc/passwd /link; sleep 1; exit 3'"),
    step('attach --no-stdin --sig-proxy=false --detach-keys ctrl-x,x cb'),
    step('attach --detach-keys nope cb'),
    step('logs --follow cb'),
    step('logs --until 2000-01-01T00:00:00Z cb'),
    step('logs --until 0s --since 1h cb'),
    step('logs --until nope cb'),
    step('cp --quiet --follow-link cb:/link -', { hide: [/passwd[\s\S]*/] }),
    step('cp -qL cb:/nosuch -'),
    step('commit --pause=false cb own:1', { hide: [/sha256:\w+/] }),
    step('start --detach-keys nope --attach cb'),
    step('start --detach-keys ctrl-x --attach cb'),
    step('start --checkpoint one cb'),
    step('start --checkpoint one --checkpoint-dir /nosuch cb'),
    step('checkpoint create --leave-running --checkpoint-dir /nosuch cb one'),
    step('checkpoint ls --checkpoint-dir /nosuch cb'),
    step('checkpoint rm --checkpoint-dir /nosuch cb one'),
    step('rm ca cb'),
    step('system prune --all --force', { hide: [/[\s\S]*(?=Total)/, /\d\S+$/m] }),
  ],
};

const rangeFormat = "'{{json .IPAM.Config}} {{.Attachable}} {{.Ingress}} {{.Scope}} {{json .IPAM.Options}}'";

const networks: Scenario = {
  name: 'every option: networks',
  steps: [
    step('network create --attachable --subnet 10.212.0.0/16 --ip-range 10.212.9.0/24 --ipam-opt a=b na', {
      hide: [/[\s\S]+/],
    }),
    step(`network inspect --format ${rangeFormat} na`),
    ...['--ingress', '--scope swarm', '--scope nope', '--ip-range 10.9.0.0/24', '--ip-range nope'].map(option =>
      step(`network create ${option} nb`),
    ),
    step('network create --subnet 10.213.0.0/24 --ip-range 10.214.0.0/24 nc'),
    ...['--aux-address a=10.213.0.1', '--ip-range 10.213.0.128/25 --aux-address a=10.213.0.128'].map(option =>
      step(`network create --subnet 10.213.0.0/24 ${option} nd`),
    ),
    ...['--aux-address a=10.213.0.7 --aux-address b=10.213.0.7', '--ip-range 10.213.0.255/32'].map(option =>
      step(`network create --subnet 10.213.0.0/24 ${option} ne`),
    ),
    step('network create --ipv6 --subnet fd00:213::/64 --aux-address a=fd00:213:0::1 nf'),
    step('network inspect --verbose --format {{.Name}} na'),
    step('run --rm --network na busybox ip route'),
    step('run -d --name ca --network na --link-local-ip 169.254.77.7 busybox sleep 1000'),
    step("exec ca sh -c 'ip -4 addr show eth0 | grep inet'"),
    step("inspect --format '{{json .NetworkSettings.Networks.na.IPAMConfig}}' ca"),
    ...['--link-local-ip 10.1.1.1', '--link-local-ip 169.254.77.9 --link-local-ip 224.0.0.1'].map(addresses =>
      step(`run --rm --network na ${addresses} busybox true`),
    ),
    ...['host', 'none'].map(network => step(`run --rm --network ${network} --link-local-ip 169.254.7.7 busybox true`)),
    step('run --rm --network na --link-local-ip x --link-local-ip y --ip z busybox true'),
    step('run -d --name cb busybox sleep 1000'),
    step('network connect --link-local-ip 10.1.1.1 na cb'),
    step('network connect --link-local-ip x na cb'),
    step('network connect --link ca:other --link-local-ip 169.254.77.8 na cb'),
    step("exec cb sh -c 'ping -c 1 other | head -1; ip -4 addr show eth1 | grep inet'"),
    ...['169.254.77', 'fe80::1', '10.212.0.9'].map(address =>
      step(`create --network na --link-local-ip ${address} busybox`),
    ),
    step('network ls --no-trunc --quiet --filter name=na'),
    step('network rm --force na', { hide: [/\(id \w+\)/, /id \w+/] }),
    step('rm -f ca cb'),
    step('network rm --force na nosuch'),
  ],
};

const images: Scenario = {
  name: 'every option: images',
  steps: [
    step('history --no-trunc --quiet --human=false busybox'),
    step('history --platform linux/arm64 busybox'),
    step('image inspect --platform linux/amd64 --format {{.Os}} busybox'),
    step('image inspect --platform linux/arm64 --format {{.Os}} busybox'),
    step('image inspect --platform nope/nope/nope/nope busybox'),
    step('images --digests --format {{.Repository}}|{{.Digest}}', { hide: [/sha256:\w+/] }),
    step('images --tree', { hide: [/[\s\S]+/] }),
    step('load --quiet --input /nosuch'),
    step('load --quiet --platform linux/arm64', { input: '', hide: [/[\s\S]+/] }),
    step('save --output /nosuch/folder/x busybox'),
    step('save --platform linux/arm64 busybox'),
    step('import --change nope - own', { input: '' }),
    step('import --change \'CMD ["a"]\' --message said - own:1', { input: '', hide: [/sha256:\w+/] }),
    step("image inspect --format '{{json .Config.Cmd}} {{.Comment}}' own:1"),
    step('rmi --no-prune own:1', { hide: [/sha256:\w+/] }),
    step('rmi --platform linux/arm64 busybox'),
    step('rmi --platform linux/amd64 busybox', { hide: [/sha256:\w+/] }),
  ],
};

/** What only a swarm can do. */
const clusterVolumes: Scenario = {
  name: 'every option: volumes of a cluster',
  steps: [
    ...['--availability active', '--group own', '--limit-bytes 1m --required-bytes 1k', '--secret a=b'].map(option =>
      step(`volume create --type block ${option} one`),
    ),
    ...['--scope multi', '--sharing all', '--topology-preferred a=b', '--topology-required a=b'].map(option =>
      step(`volume create --type mount ${option} one`),
    ),
    step('volume create --driver local two'),
    step('volume update --availability drain two'),
    step('volume ls --cluster'),
    step('volume rm two'),
  ],
};

/** The options that no other scenario has come by. */
export const everyOptionScenarios: Scenario[] = [limits, containers, networks, images, clusterVolumes];
