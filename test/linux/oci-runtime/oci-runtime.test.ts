import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HookName, RuntimeSpec } from '../../../contracts/oci/runtime-spec.ts';
import { succeed } from '../../support/command.ts';
import { eventually } from '../../support/eventually.ts';
import { whyNot } from '../runtime/harness.ts';
import { Bundles } from './bundle.ts';

const reason = whyNot();

describe.skipIf(reason)('berth-runtime', { timeout: 120_000 }, () => {
  let bundles: Bundles;
  beforeAll(() => {
    bundles = new Bundles();
  });
  afterAll(() => bundles.remove());

  /** Goes on until it is told to end. */
  const service = ['sh', '-c', 'trap "exit 7" TERM; echo started > /tmp/started; while :; do sleep 0.1; done'];
  const becomes = (id: string, status: string): Promise<unknown> =>
    eventually(`${id} is ${status}`, async () => {
      return (await bundles.state(id)).status === status;
    });

  it('leads a container through its life, and refuses what does not fit', async () => {
    const bundle = await bundles.make(service, config => {
      config.annotations = { 'org.example.key': 'value' };
    });
    const id = bundles.id();
    const pidFile = join(bundles.directory, 'pid');
    await bundles.succeed('create', '--bundle', bundle, '--pid-file', pidFile, id);
    const created = await bundles.state(id);
    expect(created).toMatchObject({ status: 'created', bundle, annotations: { 'org.example.key': 'value' } });
    expect(created.pid).toBe(Number(readFileSync(pidFile, 'utf8')));
    expect(existsSync(join(bundle, 'rootfs/tmp/started'))).toBe(false);
    await expect(bundles.succeed('create', '--bundle', bundle, id)).rejects.toThrow('given ID already exists');

    await bundles.succeed('start', id);
    await eventually('it runs', async () => readFileSync(join(bundle, 'rootfs/tmp/started')));
    expect((await bundles.state(id)).status).toBe('running');
    await expect(bundles.succeed('start', id)).rejects.toThrow('cannot start an already running container');
    await expect(bundles.succeed('delete', id)).rejects.toThrow('that is not stopped: running');

    expect(
      await bundles.run('exec', '--env', 'A=b', '--cwd', '/tmp', id, 'sh', '-c', 'echo $A $PWD; exit 4'),
    ).toMatchObject({
      code: 4,
      stdout: 'b /tmp\n',
    });
    expect(JSON.parse(await bundles.succeed('ps', '--format', 'json', id))).toContain(created.pid);
    expect(await bundles.succeed('list', '--quiet')).toBe(`${id}\n`);
    const stats = JSON.parse(await bundles.succeed('events', '--stats', id));
    expect(stats).toMatchObject({ type: 'stats', id, data: { pids: { current: expect.any(Number) } } });

    await bundles.succeed('pause', id);
    expect((await bundles.state(id)).status).toBe('paused');
    await expect(bundles.succeed('exec', id, 'true')).rejects.toThrow('cannot exec in a paused container');
    await bundles.succeed('resume', id);
    await bundles.succeed('kill', id, 'TERM');
    await becomes(id, 'stopped');
    await expect(bundles.succeed('kill', id)).rejects.toThrow('container not running');
    await expect(bundles.succeed('start', id)).rejects.toThrow('cannot start a container that has stopped');
    await bundles.succeed('delete', id);
    await expect(bundles.succeed('state', id)).rejects.toThrow('container does not exist');
    await bundles.succeed('delete', '--force', id);
    expect(await succeed('find', ['/sys/fs/cgroup', '-name', id])).toBe('');
  });

  it('runs to the end and passes the exit code on', async () => {
    const bundle = await bundles.make(['sh', '-c', 'cat; exit 3']);
    expect((await bundles.run('run', '--bundle', bundle, bundles.id())).code).toBe(3);
  });

  it.each([
    ['no-such-program', 'executable file not found in $PATH'],
    ['/no/such', 'stat /no/such: no such file or directory'],
    ['/etc', 'is a directory'],
    ['/etc/plain', 'permission denied'],
  ])('makes nothing for %s, which cannot be run', async (program, reason) => {
    const bundle = await bundles.make([program]);
    writeFileSync(join(bundle, 'rootfs/etc/plain'), 'a file');
    const failed = await bundles.run('create', '--bundle', bundle, bundles.id());
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining(`exec: \\"${program}\\": ${reason}`) });
    expect(await bundles.succeed('list', '--quiet')).toBe('');
  });

  it('calls every hook in its place with the state', async () => {
    const log = join(bundles.directory, 'hooks.log');
    const names: HookName[] = [
      'prestart',
      'createRuntime',
      'createContainer',
      'startContainer',
      'poststart',
      'poststop',
    ];
    const bundle = await bundles.make(service, config => {
      config.hooks = Object.fromEntries(
        names.map(name => {
          // The container's root has no bash, so the one hook that runs inside needs busybox's shell and a file inside.
          const inside = name === 'startContainer';
          const script = `read state; echo "${name} $HOOK $state" >> ${inside ? '/tmp/hooks.log' : log}`;
          return [name, [{ path: '/bin/sh', args: ['sh', '-c', script], env: ['HOOK=1'] }]];
        }),
      );
    });
    const lines = (): string[] => readFileSync(log, 'utf8').trim().split('\n');
    const id = bundles.id();
    await bundles.succeed('create', '--bundle', bundle, id);
    expect(lines().map(line => line.split(' ')[0])).toEqual(['prestart', 'createRuntime', 'createContainer']);
    const state = JSON.parse(lines()[1]?.replace(/^\w+ 1 /, '') ?? '');
    expect(state).toMatchObject({ id, status: 'creating', bundle, pid: (await bundles.state(id)).pid });
    await bundles.succeed('start', id);
    expect(readFileSync(join(bundle, 'rootfs/tmp/hooks.log'), 'utf8')).toMatch(/^startContainer 1 /);
    await bundles.succeed('delete', '--force', id);
    const ended = lines().slice(3);
    expect(ended.map(line => line.split(' ')[0])).toEqual(['poststart', 'poststop']);
    expect(ended[1]).toContain('"status":"stopped"');
  });

  it.each<HookName>(['createRuntime', 'createContainer'])('makes nothing when a %s hook fails', async name => {
    const bundle = await bundles.make(service, config => {
      config.hooks = { [name]: [{ path: '/bin/sh', args: ['sh', '-c', 'exit 9'] }] };
    });
    const id = bundles.id();
    await expect(bundles.succeed('create', '--bundle', bundle, id)).rejects.toThrow(
      `error running ${name} hook #0: exit status 9`,
    );
    expect(await bundles.succeed('list', '--quiet')).toBe('');
    expect(await succeed('find', ['/sys/fs/cgroup', '-name', id])).toBe('');
  });

  it('ends what has been made when a poststart hook fails, and runs every poststop hook', async () => {
    const log = join(bundles.directory, 'last.log');
    const bad = { path: '/bin/sh', args: ['sh', '-c', 'exit 9'] };
    const bundle = await bundles.make(service, config => {
      const good = { path: '/bin/sh', args: ['sh', '-c', `echo ran >> ${log}`] };
      config.hooks = { poststart: [bad], poststop: [bad, good] };
    });
    const id = bundles.id();
    await bundles.succeed('create', '--bundle', bundle, id);
    await expect(bundles.succeed('start', id)).rejects.toThrow('error running poststart hook #0: exit status 9');
    await becomes(id, 'stopped');
    expect((await bundles.run('delete', id)).stderr).toContain('error running poststop hook #0: exit status 9');
    expect(readFileSync(log, 'utf8')).toBe('ran\n');
  });

  it('takes unknown properties and annotations for what it need not know', async () => {
    const said = await bundles.output(['echo', 'ran'], config => {
      Object.assign(config, { unknown: 'x', annotations: { 'org.unknown': '' } });
    });
    expect(said).toBe('ran\n');
  });

  it('makes what the document says of process, mounts, devices and paths', async () => {
    const script = `
      id -u; id -G; hostname; ulimit -n; cat /proc/self/oom_score_adj; grep NoNewPrivs /proc/self/status | cut -f2
      cat /proc/sys/net/core/somaxconn; cat /proc/keys; touch /proc/sys/x 2>/dev/null || echo readonly
      stat -c '%F %t:%T %a' /dev/own; cat /file; grep -c ' /limited tmpfs rw,nosuid,noexec' /proc/self/mounts
      grep Seccomp: /proc/self/status | cut -f2; mkdir /tmp/made 2>&1`;
    const change = (config: RuntimeSpec): void => {
      writeFileSync(join(bundles.directory, 'file'), 'of the host\n');
      config.process.user = { uid: 1000, gid: 1000, additionalGids: [5, 6] };
      config.process.oomScoreAdj = 100;
      config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 77, hard: 88 }];
      config.hostname = 'named';
      config.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['mode=1777'] });
      config.mounts.push(
        { destination: '/file', type: 'bind', source: join(bundles.directory, 'file'), options: ['bind', 'ro'] },
        { destination: '/limited', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'noexec', 'size=1m'] },
      );
      config.linux = {
        ...config.linux,
        sysctl: { 'net.core.somaxconn': '321' },
        devices: [{ type: 'c', path: '/dev/own', major: 1, minor: 3, fileMode: 0o640, uid: 1000, gid: 1000 }],
        seccomp: {
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }],
        },
      };
    };
    const bundle = await bundles.make(['sh', '-c', script], change);
    const { stdout } = await bundles.run('run', '--bundle', bundle, bundles.id());
    expect(stdout.split('\n')).toEqual([
      ...['1000', '1000 5 6', 'named', '77', '100', '1', '321', 'readonly', 'character special file 1:3 640'],
      ...['of the host', '1', '2', "mkdir: can't create directory '/tmp/made': Operation not permitted", ''],
    ]);
  });

  it('joins namespaces by their paths', async () => {
    const holder = bundles.id();
    await bundles.succeed('create', '--bundle', await bundles.make(service), holder);
    const { pid } = await bundles.state(holder);
    const of = (name: string): string => `/proc/${pid}/ns/${name}`;
    const shared = ['net', 'ipc', 'uts', 'pid'];
    const output = await bundles.output(
      ['sh', '-c', `for n in ${shared.join(' ')}; do readlink /proc/self/ns/$n; done`],
      config => {
        config.linux.namespaces = [
          { type: 'mount' },
          { type: 'network', path: of('net') },
          { type: 'ipc', path: of('ipc') },
          { type: 'uts', path: of('uts') },
          { type: 'pid', path: of('pid') },
        ];
        config.mounts = config.mounts.filter(({ type }) => type !== 'sysfs' && type !== 'cgroup');
      },
    );
    expect(output.trim().split('\n')).toEqual(shared.map(name => readlinkSync(of(name))));
    await bundles.succeed('delete', holder); // one that was never started may be deleted
  });

  it('shifts the clocks of a time namespace', async () => {
    if (!existsSync('/proc/self/ns/time')) return console.log('skipped: this kernel has no time namespaces');
    const days = 86_400 * 1000;
    const output = await bundles.output(
      ['sh', '-c', 'cut -d. -f1 /proc/uptime; readlink /proc/self/ns/time'],
      config => {
        config.linux.namespaces.push({ type: 'time' });
        config.linux.timeOffsets = { boottime: { secs: days }, monotonic: { secs: days } };
      },
    );
    const [uptime, namespace] = output.split('\n');
    expect(Number(uptime)).toBeGreaterThan(days);
    expect(namespace).not.toBe(readlinkSync('/proc/self/ns/time'));
  });

  it('maps the users of a user namespace', async () => {
    const mappings = [{ containerID: 0, hostID: 200_000, size: 65_536 }];
    const id = bundles.id();
    const bundle = await bundles.make(service, ({ linux }) => {
      linux.namespaces.push({ type: 'user' });
      Object.assign(linux, { uidMappings: mappings, gidMappings: mappings });
    });
    await succeed('chown', ['-R', '200000:200000', join(bundle, 'rootfs')]);
    await succeed('chmod', ['755', bundles.directory]);
    await bundles.succeed('create', '--bundle', bundle, id);
    await bundles.succeed('start', id);
    const { pid } = await bundles.state(id);
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toContain('Uid:\t200000\t200000');
    expect(await bundles.succeed('exec', id, 'sh', '-c', 'id -u; cat /proc/self/uid_map')).toMatch(
      /^0\n +0 +200000 +65536/,
    );
    await bundles.succeed('delete', '--force', id);
  });

  it('limits in control groups, and changes the limits', async () => {
    const id = bundles.id();
    const bundle = await bundles.make(service, config => {
      config.linux.cgroupsPath = `/${id}`;
      config.linux.resources = { ...config.linux.resources, pids: { limit: 33 }, cpu: { shares: 512 } };
    });
    await bundles.succeed('create', '--bundle', bundle, id);
    const measured = async () => JSON.parse(await bundles.succeed('events', '--stats', id)).data;
    expect((await measured()).pids.limit).toBe(33);
    await bundles.succeed('update', '--pids-limit', '44', '--memory', '32m', id);
    expect(await measured()).toMatchObject({ pids: { limit: 44 }, memory: { usage: { limit: 32 << 20 } } });
    await bundles.succeed('delete', '--force', id);
  });

  it('gives the terminal to whoever listens', async () => {
    const socket = join(bundles.directory, 'console.sock');
    const receive = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind('${socket}'); s.listen(1); print('ready', flush=True)
c, _ = s.accept(); _, fds, _, _ = socket.recv_fds(c, 100, 1)
data = b''
while True:
    try: part = os.read(fds[0], 100)
    except OSError: break
    if not part: break
    data += part
print(data.decode())`;
    const listener = spawn('python3', ['-c', receive], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise(resolve => listener.once('exit', resolve));
    let heard = '';
    listener.stdout.setEncoding('utf8').on('data', text => {
      heard += text;
    });
    await eventually('it listens', async () => heard.includes('ready') || Promise.reject(new Error('not yet')));
    const bundle = await bundles.make(['tty'], config => {
      config.process.terminal = true;
    });
    const id = bundles.id();
    await expect(bundles.succeed('create', '--bundle', bundle, id)).rejects.toThrow('without setting console socket');
    await bundles.succeed('create', '--bundle', bundle, '--console-socket', socket, id);
    await bundles.succeed('start', id);
    await ended;
    expect(heard).toContain('/dev/pts/0');
    await bundles.succeed('delete', '--force', id);
  });

  it('refuses what cannot be, and tells it to a log', async () => {
    const log = join(bundles.directory, 'errors.json');
    const refused = async (change: (config: RuntimeSpec) => void): Promise<string> => {
      const bundle = await bundles.make(['true'], change);
      expect(
        (await bundles.run('--log', log, '--log-format', 'json', 'create', '--bundle', bundle, bundles.id())).code,
      ).toBe(1);
      return JSON.parse(readFileSync(log, 'utf8').trim().split('\n').at(-1) ?? '').msg;
    };
    expect(await refused(config => Object.assign(config, { ociVersion: 'x' }))).toBe('unsupported OCI version "x"');
    expect(await refused(({ process }) => Object.assign(process, { cwd: 'a' }))).toBe('Cwd must be an absolute path');
    expect(await refused(({ linux }) => Object.assign(linux, { sysctl: { 'kernel.printk': '1' } }))).toBe(
      'sysctl "kernel.printk" is not in a separate kernel namespace',
    );
    mkdirSync(join(bundles.directory, 'empty'));
    const empty = await bundles.run('create', '--bundle', join(bundles.directory, 'empty'), bundles.id());
    expect(empty.stderr).toContain('JSON specification file config.json not found');
    expect((await bundles.run('--systemd-cgroup', 'list')).code).toBe(1);
    expect(JSON.parse(await bundles.succeed('features'))).toMatchObject({ ociVersionMax: '1.2.1' });
  });
});
