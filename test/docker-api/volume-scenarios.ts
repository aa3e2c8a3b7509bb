import { type Scenario, step } from './step.ts';

const table = (format: string): string => `--format '${format}'`;

/** Volumes of the local driver that are file systems of their own, and how they are refused. */
export const volumeOptionsScenario: Scenario = {
  name: 'options of local volumes',
  steps: [
    step('volume create --opt nope=1 one'),
    step('volume create --opt type=tmpfs one'),
    step('volume create --opt device=tmpfs one'),
    step('volume create --opt o=size=1m one'),
    step('volume create --opt size=10m one'),
    step('volume create --opt size=nonsense one'),
    step('volume create --opt type=tmpfs --opt device=tmpfs --opt o=size=1m,uid=1000,mode=0750 memory'),
    step("volume inspect --format '{{json .Options}}' memory"),
    step("run -d --name ca -v memory:/data busybox sh -c 'echo shared > /data/file; sleep 100'"),
    step('run --rm -v memory:/data busybox cat /data/file'),
    step(`run --rm -v memory:/data busybox sh -c 'ls -nd /data; df -k /data | tail -1; grep " /data " /proc/mounts'`, {
      hide: [/\w{3} +\d+ +[\d:]+/g, / +\d+ +\d+ +\d+% /g, /,inode64/g],
    }),
    step('run --rm -v memory:/data:ro busybox touch /data/other'),
    step('volume rm memory', { hide: [/\[\w+\]/g] }),
    step('rm -f ca'),
    step('run --rm -v memory:/data busybox ls /data'),
    step('volume rm memory'),
    step('volume create --opt type=none --opt o=bind --opt device=/no/such/folder missing'),
    step('create --name cb -v missing:/data busybox', { hide: [/\/\S*volumes/g] }),
    step('create --name cb -v missing:/data:nocopy busybox'),
    step('start cb', { hide: [/\/\S*volumes/g] }),
    step('inspect --format {{.State.Status}}|{{.State.ExitCode}} cb'),
    step('rm cb'),
    step('volume create --opt type=nope --opt device=nope --opt o=soft,ro unknown'),
    step('run --rm -v unknown:/data busybox true', { hide: [/\/\S*volumes/g] }),
    step('volume create --opt type=ext4 --opt device=/dev/null character'),
    step('run --rm -v character:/data busybox true', { hide: [/\/\S*volumes/g] }),
    step('volume create --opt type=tmpfs --opt device=tmpfs --opt o=nope=1 wrong'),
    step('run --rm -v wrong:/data busybox true', { hide: [/\/\S*volumes/g] }),
    step('volume create --opt type=nfs --opt device=:/x --opt o=addr=no.such.host.invalid,rw far'),
    step('run --rm -v far:/data busybox true', { hide: [/\/\S*volumes/g, /lookup .*/g] }),
    step('volume create --opt type=none --opt device=/etc --opt o=bind,ro folder'),
    step("run --rm -v folder:/data busybox sh -c 'ls -d /data/passwd; touch /data/other'"),
    step('volume create --opt type= --opt device= empty'),
    step('run --rm -v empty:/data busybox true', { hide: [/\/\S*volumes/g] }),
    step(
      'run --rm --mount type=volume,source=made,target=/data,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=64k busybox df -k /data',
      { hide: [/ +\d+ +\d+ +\d+% /g] },
    ),
    step("volume inspect --format '{{json .Options}}' made"),
    step('run --rm --mount type=volume,target=/data,volume-opt=type=tmpfs busybox true', { hide: [/create \w+/g] }),
    step('volume rm missing unknown character wrong far folder empty made'),
  ],
};

/** Lists, filters, uses, events, and what goes with a container. */
export const volumeListScenario: Scenario = {
  name: 'volumes: lists, uses and removal',
  steps: [
    step('volume create --label a=1 --label b one'),
    step('volume create --label a=2 two'),
    step('volume create three'),
    step('create --name ca -v one:/one -v /anonymous busybox'),
    step(`volume ls ${table('{{.Name}}|{{.Driver}}|{{.Label "a"}}')} --filter label=a`),
    step('volume ls -q --filter label=a=2'),
    step('volume ls -q --filter label=b --filter label=a=1'),
    step('volume ls -q --filter dangling=true', { unordered: true }),
    step('volume ls -q --filter dangling=false', { unordered: true }),
    step('volume ls -q --filter dangling=perhaps'),
    step('volume ls -q --filter driver=local --filter name=[0-9e]'),
    step('volume ls -q --filter driver=nope'),
    step('volume ls -q --filter name=^t'),
    step('volume ls -q --filter name=t.o'),
    step("volume inspect --format '{{json .Labels}}' one three"),
    step(
      'inspect --format {{range.Mounts}}{{.Type}}|{{.Destination}}|{{.Driver}}|{{.Mode}}|{{.RW}}{{println}}{{end}} ca',
      { unordered: true },
    ),
    step('volume rm one', { hide: [/\[\w+\]/g] }),
    step('volume rm -f one', { hide: [/\[\w+\]/g] }),
    step('volume rm one nosuch two', { hide: [/\[\w+\]/g] }),
    step('volume prune -f'),
    step('rm -v ca'),
    step('volume ls -q'),
    step('run --rm -v /anonymous -v three:/three busybox true'),
    step('volume ls -q'),
    step('create --name cb -v /anonymous busybox'),
    step('rm cb'),
    step(`volume ls ${table('{{.Label "a"}}')} --filter dangling=1`, { unordered: true }),
    step('volume prune -f --filter label=a'),
    step('volume prune -f --filter nope=1'),
    step('volume prune -f', { hide: [/^\w{64}$/gm] }),
    step('volume prune -f -a --filter label!=a=1'),
    step('volume prune -f -a'),
    step('volume create --label l=v measured'),
    step("run --rm -v measured:/data busybox sh -c 'dd if=/dev/zero of=/data/file bs=1000 count=5'", {
      hide: [/.*copied.*/g],
    }),
    step(`system df -v --format '{{range.Volumes}}{{.Name}}|{{.Links}}|{{.Size}}{{println}}{{end}}'`),
    step('create --name cc -v measured:/data busybox'),
    step(`system df --format '{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}|{{.Reclaimable}}'`, {
      hide: [/^(Images|Containers|Build).*$/gm],
    }),
    step('rm cc'),
    step('volume rm measured'),
    step('run --rm busybox sleep 1.1'),
    step('events --since 1h --until 0s --filter volume=measured --format {{.Type}}|{{.Action}}|{{.Actor.ID}}', {
      hide: [/container\|.*\n/g],
    }),
  ],
};

/** What a mount of a container can be told. */
export const mountFormsScenario: Scenario = {
  name: 'forms of mounts',
  steps: [
    step(
      "run --name ca -v one:/one -v two:/two:ro --tmpfs /t busybox sh -c 'echo 1 > /one/file; mkdir /one/sub; echo 2 > /one/sub/file; ln -s /etc /one/away; ln -s sub /one/here'",
    ),
    step('run --rm --volumes-from ca busybox sh -c \'cat /one/file; touch /two/x; grep -c " /t " /proc/mounts\''),
    step('run --rm --volumes-from ca:ro busybox touch /one/new'),
    step('run --rm --volumes-from ca:rw busybox touch /two/new'),
    step('run --rm --volumes-from ca:nope busybox true'),
    step('run --rm --volumes-from nosuch busybox true'),
    step('run --rm --volumes-from ca -v three:/one busybox ls /one'),
    step('run --rm --mount type=volume,source=one,target=/s,volume-subpath=sub busybox cat /s/file'),
    step('run --rm --mount type=volume,source=one,target=/s,volume-subpath=here busybox cat /s/file'),
    step('run --rm --mount type=volume,source=one,target=/s,volume-subpath=file busybox cat /s'),
    step('run --rm --mount type=volume,source=one,target=/s,volume-subpath=nope busybox true', {
      hide: [/\/\S*volumes/g],
    }),
    step('run --rm --mount type=volume,source=one,target=/s,volume-subpath=../one busybox true'),
    step('run --rm --mount type=volume,source=one,target=/s,volume-subpath=/sub busybox true'),
    step('run --rm --mount type=volume,source=one,target=/s,volume-subpath=away busybox true', {
      hide: [/\/\S*volumes/g, /\/\S*_data/g],
    }),
    step('run --rm --mount type=volume,target=/s,volume-subpath=sub busybox true'),
    step('run --rm --mount type=volume,source=four,target=/etc,volume-nocopy busybox ls /etc'),
    step('run --rm -v four:/etc:nocopy busybox ls /etc'),
    step('run --rm -v four:/etc busybox ls /etc'),
    step('run --rm --mount type=volume,source=five,target=/etc,readonly busybox ls /etc'),
    step('run --rm -v six:/x:rslave busybox true'),
    step('run --rm -v six:/x:z,ro,Z busybox true'),
    step("run --rm -v six:/x:z,nocopy busybox sh -c 'touch /x/y; ls /x'"),
    step(
      'run --rm --mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770 busybox sh -c \'ls -nd /t; df -k /t | tail -1; grep " /t " /proc/mounts\'',
      {
        hide: [/\w{3} +\d+ +[\d:]+/g, /,inode64/g],
      },
    ),
    step("run --rm --tmpfs /t:ro,noexec,size=64k,uid=5 busybox grep ' /t ' /proc/mounts", { hide: [/,inode64/g] }),
    step('run --rm --tmpfs /t:nope busybox true'),
    step('run --rm --tmpfs /t:size=nope busybox true', { hide: [/container process: .*size=nope/] }),
    step('run --rm --tmpfs t busybox true'),
    step('run --rm --mount type=tmpfs,source=x,target=/t busybox true'),
    step('run --rm --mount type=tmpfs,target=/t,readonly busybox touch /t/x'),
    step('run --rm --mount type=npipe,source=x,target=/x busybox true'),
    step('run --rm --mount type=cluster,source=x,target=/x busybox true'),
    step('run --rm -v one:/a -v one:/b busybox cat /a/file /b/file'),
    step('run --rm -v one:/a/b -v two:/a busybox ls /a'),
    step('rm ca'),
  ],
};

/** Mounts of the host's folders and files. */
const bindScenario: Scenario = {
  name: 'forms of bind mounts',
  steps: [
    step('run --rm -v /etc:/e:copy busybox true'),
    step('run --rm --mount type=bind,source=/etc,target=/e,readonly busybox touch /e/x'),
    step('run --rm --mount type=bind,source=/etc,target=/e,bind-propagation=nope busybox true'),
    step('run --rm --mount type=bind,source=/etc,target=/e,bind-recursive=nope busybox true'),
    step('run --rm --mount type=bind,source=/etc,target=/e,bind-recursive=readonly busybox true'),
    step('run --rm --mount type=bind,source=/etc,target=/e,readonly,bind-recursive=readonly busybox true'),
    step(
      'run --rm --mount type=bind,source=/etc,target=/e,readonly,bind-recursive=readonly,bind-propagation=rprivate busybox touch /e/x',
    ),
    step('run --rm --mount type=bind,source=/etc,target=/e,readonly,bind-recursive=writable busybox touch /e/x'),
    step('run --rm --mount type=bind,source=relative,target=/e busybox true', { hide: [/\/\S+relative/g] }),
    step('run --rm --mount type=bind,source=/etc,target=e busybox true'),
    step('run --rm --mount type=bind,target=/e busybox true'),
    step('run --rm --mount type=bind,source=/etc busybox true'),
    step('run --rm -v /etc/hostname:/h:ro busybox test -f /h'),
    step('run --rm -v /etc:/e:rw,cached busybox test -d /e'),
    step('run --rm -v one:/a -v /etc:/a busybox true'),
  ],
};

export const volumeScenarios: Scenario[] = [volumeOptionsScenario, volumeListScenario, mountFormsScenario];

/** For an engine that sees the folders of the host. */
export const hostScenarios: Scenario[] = [bindScenario];
