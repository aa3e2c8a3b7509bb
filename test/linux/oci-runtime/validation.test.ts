import { spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HookName, NamespaceType, RuntimeHook, RuntimeSpec } from '../../../contracts/oci/runtime-spec.ts';
import { limitNames } from '../../../guest-agent/runtime/spec-checks.ts';
import { succeed } from '../../support/command.ts';
import { eventually } from '../../support/eventually.ts';
import { whyNot } from '../runtime/harness.ts';
import { Bundles } from './bundle.ts';

const reason = whyNot();

/** What the specification's own programs (opencontainers/runtime-tools, validation) look at, as far as no other test here does. */
describe.skipIf(reason)('as the specification validates runtimes, berth-runtime', { timeout: 120_000 }, () => {
  let bundles: Bundles;
  beforeAll(() => {
    bundles = new Bundles();
  });
  afterAll(() => bundles.remove());

  /** What a program prints that a shell runs inside. */
  const printed = async (script: string, change?: (config: RuntimeSpec) => void): Promise<string[]> =>
    (await bundles.output(['sh', '-c', script], change)).trimEnd().split('\n');
  const sleeping = ['sleep', '1000'];
  const stopped = (id: string): Promise<unknown> =>
    eventually(`${id} has stopped`, async () => (await bundles.state(id)).status === 'stopped');
  const cgroupOf = (id: string): string => join('/sys/fs/cgroup', existsSync('/sys/fs/cgroup/pids') ? 'pids' : '', id);

  it('makes the devices, links and file systems that every container has, in the order of the mounts', async () => {
    const script = `
      for d in null zero full random urandom tty; do stat -c '%n %F %t:%T %a' /dev/$d; done
      for l in fd stdin stdout stderr ptmx; do echo $l $(readlink /dev/$l); done
      cut -d' ' -f2,3 /proc/mounts`;
    const lines = await printed(script, ({ mounts }) => {
      for (const name of ['one', 'one/two', 'three']) {
        mounts.push({ destination: `/tmp/${name}`, type: 'tmpfs', source: 'tmpfs', options: ['size=64k'] });
      }
    });
    const device = (name: string, numbers: string): string => `/dev/${name} character special file ${numbers} 666`;
    expect(lines.slice(0, 11)).toEqual([
      ...[device('null', '1:3'), device('zero', '1:5'), device('full', '1:7'), device('random', '1:8')],
      ...[device('urandom', '1:9'), device('tty', '5:0')],
      ...['fd /proc/self/fd', 'stdin /proc/self/fd/0', 'stdout /proc/self/fd/1', 'stderr /proc/self/fd/2'],
      'ptmx pts/ptmx',
    ]);
    const wanted = [
      '/proc proc',
      '/dev tmpfs',
      '/dev/pts devpts',
      '/dev/shm tmpfs',
      '/dev/mqueue mqueue',
      '/sys sysfs',
    ];
    wanted.push('/tmp/one tmpfs', '/tmp/one/two tmpfs', '/tmp/three tmpfs');
    expect(lines.slice(11).filter(line => wanted.includes(line))).toEqual(wanted);
  });

  it('gives a process its directory, environment, user, mask, groups, limits and capabilities, and nothing else', async () => {
    const names = limitNames.filter(name => !['RLIMIT_NICE', 'RLIMIT_RTPRIO', 'RLIMIT_LOCKS'].includes(name));
    const script = `
      pwd; env | sort; umask; id -u; id -g; id -G; grep ^Cap /proc/self/status | cut -f2
      sed 1d /proc/self/limits | cut -c27-67 | tr -s ' '`;
    const lines = await printed(script, config => {
      config.process.cwd = '/made/on/the/way';
      config.process.env = ['PATH=/bin', 'EMPTY=', 'TWO=a b'];
      config.process.user = { uid: 7, gid: 8, umask: 0o27, additionalGids: [9, 10] };
      config.process.capabilities = {
        bounding: ['CAP_CHOWN', 'CAP_KILL', 'CAP_SETUID'],
        permitted: ['CAP_CHOWN', 'CAP_KILL'],
        effective: ['CAP_KILL'],
        inheritable: ['CAP_CHOWN', 'CAP_KILL'],
        ambient: ['CAP_KILL'],
      };
      // Each lower than any host's, yet enough for a shell.
      config.process.rlimits = names.map(type => ({ type, soft: limitFor(type), hard: limitFor(type) + 1 }));
    });
    const inside = ['/made/on/the/way', 'EMPTY=', 'PATH=/bin', 'PWD=/made/on/the/way', 'SHLVL=1', 'TWO=a b'];
    const ownCapability = '0000000000000020';
    expect(lines.slice(0, 15)).toEqual([
      ...[...inside, '0027', '7', '8', '8 9 10'],
      ...['0000000000000021', ownCapability, ownCapability, '00000000000000a1', ownCapability],
    ]);
    const limits = lines.slice(15).map(line => line.trim());
    expect(
      names.map(type => `${limitFor(type)} ${limitFor(type) + 1}`).filter(limit => !limits.includes(limit)),
    ).toEqual([]);
  });

  it('makes devices of every kind, hides paths and keeps others from being written, files and folders alike', async () => {
    const script = `
      for d in char block fifo; do stat -c '%n %F %t:%T %a %u %g' /dev/$d; done
      cat /secret/file /hidden; ls /secret; touch /fixed/new /fixed-file 2>&1; cat /nosuch 2>&1; echo x > /fixed/file; echo $?`;
    const bundle = await bundles.make(['sh', '-c', script], ({ linux }) => {
      linux.devices = [
        { type: 'c', path: '/dev/char', major: 10, minor: 229, fileMode: 0o620, uid: 3, gid: 4 },
        { type: 'b', path: '/dev/block', major: 7, minor: 0, fileMode: 0o400 },
        { type: 'p', path: '/dev/fifo', fileMode: 0o777, uid: 5 },
      ];
      linux.maskedPaths = ['/secret', '/hidden', '/nosuch'];
      linux.readonlyPaths = ['/fixed', '/fixed-file', '/nosuch'];
    });
    for (const folder of ['secret', 'fixed']) mkdirSync(join(bundle, 'rootfs', folder));
    for (const file of ['secret/file', 'hidden', 'fixed/file', 'fixed-file'])
      writeFileSync(join(bundle, 'rootfs', file), 'secret');
    const { stdout } = await bundles.run('run', '--bundle', bundle, bundles.id());
    expect(stdout.trimEnd().split('\n')).toEqual([
      ...['/dev/char character special file a:e5 620 3 4', '/dev/block block special file 7:0 400 0 0'],
      '/dev/fifo fifo 0:0 777 5 0',
      'touch: /fixed/new: Read-only file system',
      'touch: /fixed-file: Read-only file system',
      "cat: can't open '/nosuch': No such file or directory",
      '1',
    ]);
    expect(lstatSync(join(bundle, 'rootfs/fixed/file')).size).toBe('secret'.length);
  });

  it('makes a root that cannot be written, and mounts whose options hold for all below them', async () => {
    const tree = join(bundles.directory, 'tree');
    mkdirSync(tree);
    const script = `touch /x 2>&1; for f in plain all; do touch /$f/x /$f/below/x 2>&1; done; grep ' / ' /proc/self/mounts | cut -d' ' -f4 | cut -c1-2`;
    const bundle = await bundles.make(['sh', '-c', script], config => {
      config.root.readonly = true;
      // What the first two have made is bound by the others.
      for (const [name, options] of Object.entries({ plain: ['rbind', 'ro'], all: ['rbind', 'rro'] })) {
        config.mounts.push({ destination: `/${name}`, type: 'bind', source: tree, options });
      }
    });
    const shell = `mount -t tmpfs tree "$0" && mkdir "$0/below" && mount -t tmpfs below "$0/below" && exec "$@"`;
    const { stdout } = await bundles.within(
      ['unshare', '--mount', 'sh', '-c', shell, tree],
      [...['run', '--bundle', bundle, bundles.id()]],
    );
    expect(stdout.trimEnd().split('\n')).toEqual([
      ...['touch: /x: Read-only file system', 'touch: /plain/x: Read-only file system'],
      ...['touch: /all/x: Read-only file system', 'touch: /all/below/x: Read-only file system', 'ro'],
    ]);
  });

  it('propagates mounts of the root as it is told', async () => {
    const kinds = {
      private: /^$/,
      slave: /^master:\d+ $/,
      shared: /^shared:\d+ (master:\d+ )?$/,
      unbindable: /^unbindable $/,
    };
    // A root of its own, which is shared with the host's side.
    const shell = `mount --bind "$0" "$0" && mount --make-shared "$0" && exec "$@"`;
    for (const [kind, fields] of Object.entries(kinds)) {
      const bundle = await bundles.make(['cat', '/proc/self/mountinfo'], ({ linux }) =>
        Object.assign(linux, { rootfsPropagation: kind }),
      );
      const enter = ['unshare', '--mount', 'sh', '-c', shell, join(bundle, 'rootfs')];
      const { stdout } = await bundles.within(enter, ['run', '--bundle', bundle, bundles.id()]);
      expect(/^\S+ \S+ \S+ \S+ \/ \S+ (.*)- /m.exec(stdout)?.[1], kind).toMatch(fields);
    }
  });

  const types: NamespaceType[] = ['network', 'ipc', 'uts', 'pid', 'cgroup'];
  const fileOf = (type: NamespaceType): string => (type === 'network' ? 'net' : type);

  it('inherits the namespaces that are not listed, and makes those that are', async () => {
    const links = `for n in ${types.map(fileOf).join(' ')}; do readlink /proc/self/ns/$n; done`;
    const outside = types.map(type => readlinkSync(`/proc/self/ns/${fileOf(type)}`));
    const of = (listed: NamespaceType[]) =>
      printed(links, config => {
        config.linux.namespaces = [{ type: 'mount' }, ...listed.map(type => ({ type }))];
        if (!listed.includes('uts')) delete config.hostname;
      });
    expect(await of([])).toEqual(outside);
    const own = await of(types);
    for (const [index, link] of own.entries()) expect(link).not.toBe(outside[index]);
    expect(new Set(own).size).toBe(types.length);
  });

  it('refuses a namespace by a path to one of another kind, and leaves nothing', async () => {
    for (const [index, type] of [...types, 'mount' as const].entries()) {
      const path = `/proc/self/ns/${fileOf(types[(index + 1) % types.length] ?? 'ipc')}`;
      const bundle = await bundles.make(['true'], ({ linux }) => {
        linux.namespaces = [...linux.namespaces.filter(own => own.type !== type), { type, path }];
      });
      const refused = await bundles.run('create', '--bundle', bundle, bundles.id());
      expect(refused, type).toMatchObject({ code: 1, stderr: expect.stringContaining('EINVAL') });
    }
    expect(await bundles.succeed('list', '--quiet')).toBe('');
  });

  it('makes its mounts in a mount namespace that it is given', async () => {
    const holder = spawn('unshare', ['--mount', 'sleep', '1000'], { stdio: 'ignore' });
    const path = `/proc/${holder.pid}/ns/mnt`;
    try {
      await eventually('it has its own', () => readlinkSync(path) !== readlinkSync('/proc/self/ns/mnt'));
      const bundle = await bundles.make(sleeping, ({ linux }) => {
        linux.namespaces = [...linux.namespaces.filter(({ type }) => type !== 'mount'), { type: 'mount', path }];
      });
      const id = bundles.id();
      await bundles.succeed('create', '--bundle', bundle, id);
      const { pid } = await bundles.state(id);
      expect(readlinkSync(`/proc/${pid}/ns/mnt`)).toBe(readlinkSync(path));
      await bundles.succeed('start', id);
      expect(await bundles.succeed('exec', id, 'ls', '/')).toContain('bin\n');
      await bundles.succeed('delete', '--force', id);
    } finally {
      holder.kill('SIGKILL');
    }
  });

  it('keeps to the document that it was created by, and to ids that are taken', async () => {
    const bundle = await bundles.make(sleeping);
    const id = bundles.id();
    await bundles.succeed('create', '--bundle', bundle, id);
    const document = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as RuntimeSpec;
    document.process.args = ['no-such-program'];
    document.hostname = 'other';
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(document));
    await bundles.succeed('start', id);
    expect(await bundles.succeed('exec', id, 'hostname')).toBe('berth\n');

    const other = await bundles.make(['true']);
    const { pid } = await bundles.state(id);
    for (const state of ['running', 'stopped']) {
      expect((await bundles.state(id)).status).toBe(state);
      await expect(bundles.succeed('create', '--bundle', other, id)).rejects.toThrow('given ID already exists');
      expect(await bundles.state(id)).toMatchObject({ bundle, ...(state === 'running' ? { pid } : {}) });
      if (state === 'running') await bundles.succeed('kill', id, '9');
      await stopped(id);
    }
    await bundles.succeed('delete', id);
    expect(existsSync(join(bundle, 'rootfs/bin/sh'))).toBe(true);
  });

  it('refuses what there is not, and changes nothing by it', async () => {
    const nobody = bundles.id();
    for (const [verb = '', ...rest] of [['state'], ['start'], ['kill'], ['delete'], ['exec', 'true']]) {
      const refused = await bundles.run(verb, nobody, ...rest);
      expect(refused, verb).toMatchObject({ code: 1, stderr: expect.stringContaining('container does not exist') });
    }
    expect((await bundles.run('state')).code).toBe(1);
    expect((await bundles.run('create')).code).toBe(1);
    expect((await bundles.run('create', '--bundle', join(bundles.directory, 'nosuch'), nobody)).code).toBe(1);
    expect((await bundles.run('create', '--bundle', await bundles.make(['true']), '../up')).stderr).toContain(
      'invalid container ID format',
    );
    expect(await bundles.succeed('list', '--quiet')).toBe('');
  });

  it('sends every signal by name and number, and none to what has stopped', async () => {
    const service = `trap 'echo USR1' USR1; trap 'echo USR2' USR2; trap 'echo HUP' HUP; trap 'echo TERM; exit 3' TERM
      echo ready; while :; do sleep 0.05; done`;
    const bundle = await bundles.make(['sh', '-c', `exec > /tmp/log; ${service}`]);
    const id = bundles.id();
    await bundles.succeed('create', '--bundle', bundle, id);
    await bundles.succeed('start', id);
    const log = join(bundle, 'rootfs/tmp/log');
    const said = (word: string): Promise<unknown> =>
      eventually(`it says ${word}`, () => readFileSync(log, 'utf8').trim().split('\n').at(-1) === word);
    await said('ready');
    for (const [signal, word] of [
      ['USR1', 'USR1'],
      ['SIGUSR2', 'USR2'],
      ['1', 'HUP'],
      ['sigterm', 'TERM'],
    ] as const) {
      await bundles.succeed('kill', id, signal);
      await said(word);
    }
    await stopped(id);
    expect((await bundles.run('kill', id, 'KILL')).code).toBe(1);
    expect((await bundles.state(id)).status).toBe('stopped');
    expect((await bundles.run('kill', id, 'NOPE')).stderr).toContain('unknown signal');
    await bundles.succeed('delete', id);
  });

  it('takes back the control groups that it made, with all that outlives the first process, and no others', async () => {
    const parent = `/${bundles.id()}`;
    mkdirSync(cgroupOf(parent));
    const id = bundles.id();
    // Without a pid namespace a child outlives the first process.
    const bundle = await bundles.make(['sh', '-c', 'sleep 1000 & exec true'], ({ linux }) => {
      linux.cgroupsPath = `${parent}/own`;
      linux.namespaces = linux.namespaces.filter(({ type }) => type !== 'pid');
    });
    await bundles.succeed('create', '--bundle', bundle, id);
    await bundles.succeed('start', id);
    await stopped(id);
    const left = Number(readFileSync(join(cgroupOf(`${parent}/own`), 'cgroup.procs'), 'utf8'));
    expect(left).toBeGreaterThan(0);
    await bundles.succeed('delete', id);
    expect(existsSync(cgroupOf(`${parent}/own`))).toBe(false);
    await eventually('it has ended', () => !existsSync(`/proc/${left}`));
    expect(existsSync(cgroupOf(parent))).toBe(true);
    await succeed('find', [
      '/sys/fs/cgroup',
      '-depth',
      '-type',
      'd',
      '-path',
      `*${parent}`,
      '-exec',
      'rmdir',
      '{}',
      '+',
    ]);
  });

  /** Writes what it was told, after its name, to `log`. */
  const telling = (name: string, log: string, end = 0): RuntimeHook => ({
    ...{
      path: '/bin/sh',
      args: ['sh', '-c', `echo "${name} $(cat)" >> ${log}; exit ${end}`],
      env: ['PATH=/usr/bin:/bin'],
    },
  });
  const told = (log: string): { hook: string; id: string; status: string; pid?: number; bundle: string }[] =>
    readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map(line => ({ hook: line.slice(0, line.indexOf(' ')), ...JSON.parse(line.slice(line.indexOf(' '))) }));

  it('tells every hook the state, those of one kind in their order', async () => {
    const log = join(bundles.directory, 'states.log');
    const names: HookName[] = ['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop'];
    const bundle = await bundles.make(sleeping, config => {
      config.annotations = { key: 'value' };
      config.hooks = Object.fromEntries(names.map(name => [name, [telling(name, log), telling(`${name}2`, log)]]));
    });
    const id = bundles.id();
    await bundles.succeed('create', '--bundle', bundle, id);
    const { pid } = await bundles.state(id);
    await bundles.succeed('start', id);
    await bundles.succeed('delete', '--force', id);
    const states = told(log);
    expect(states.map(({ hook }) => hook)).toEqual(names.flatMap(name => [name, `${name}2`]));
    for (const state of states) {
      const status = state.hook.startsWith('poststart')
        ? 'running'
        : state.hook.startsWith('poststop')
          ? 'stopped'
          : 'creating';
      expect(state).toMatchObject({ id, status, bundle, ociVersion: '1.2.1', annotations: { key: 'value' } });
      if (status === 'running') expect(state.pid).toBe(pid);
    }
  });

  it('calls a poststart hook for a program that runs already', async () => {
    const log = join(bundles.directory, 'program.log');
    const script = `pid=$(tr , '\\n' | grep -m1 '"pid"' | tr -dc 0-9); tr '\\0' ' ' < /proc/$pid/cmdline > ${log}`;
    const bundle = await bundles.make(sleeping, config => {
      const slow = { path: '/bin/sleep', args: ['sleep', '0.3'] };
      const env = ['PATH=/usr/bin:/bin'];
      config.hooks = { startContainer: [slow], poststart: [{ path: '/bin/sh', args: ['sh', '-c', script], env }] };
    });
    const id = bundles.id();
    await bundles.succeed('create', '--bundle', bundle, id);
    await bundles.succeed('start', id);
    expect(readFileSync(log, 'utf8')).toBe(`${sleeping.join(' ')} `);
    await bundles.succeed('delete', '--force', id);
  });

  it.each(['prestart', 'createRuntime', 'createContainer', 'startContainer'] as const)(
    'undoes a container whose %s hook fails or takes too long, and tells those for its end',
    async name => {
      const log = join(bundles.directory, `${name}.log`);
      const hanging: RuntimeHook = { path: '/bin/sleep', args: ['sleep', '60'], timeout: 1 };
      const failing = { path: '/bin/sh', args: ['sh', '-c', 'exit 9'] };
      for (const bad of name === 'prestart' ? [hanging, failing] : [failing]) {
        const bundle = await bundles.make(['touch', '/tmp/ran'], config => {
          config.hooks = { [name]: [bad, telling('never', log)], poststop: [telling('poststop', log)] };
        });
        expect(await bundles.run('run', '--bundle', bundle, bundles.id())).toMatchObject({
          code: 1,
          stderr: expect.stringContaining(`error running ${name} hook #0`),
        });
        expect(existsSync(join(bundle, 'rootfs/tmp/ran'))).toBe(false);
        expect(told(log).at(-1)).toMatchObject({ hook: 'poststop', status: 'stopped' });
        expect(told(log).map(({ hook }) => hook)).not.toContain('never');
      }
      expect(await bundles.succeed('list', '--quiet')).toBe('');
    },
  );

  it('refuses what cannot be, and leaves nothing', async () => {
    const bad: [change: (config: RuntimeSpec) => unknown, words: string][] = [
      [({ linux }) => Object.assign(linux, { namespaces: [{ type: 'nope' }] }), 'nope'],
      [({ process }) => process.rlimits?.push({ type: 'RLIMIT_NOPE', soft: 1, hard: 1 }), 'RLIMIT_NOPE'],
      [({ process }) => process.rlimits?.push({ type: 'RLIMIT_NOFILE', soft: 1, hard: 1 }), 'more than once'],
      [({ process }) => Object.assign(process, { args: [] }), 'args'],
      [({ mounts }) => mounts.push({ destination: '/x', type: 'nosuchfs', source: 'x' }), 'nosuchfs'],
      [({ mounts }) => mounts.push({ destination: '/x', type: 'bind', source: '/no/such' }), '/no/such'],
      [({ mounts }) => mounts.push({ destination: 'x', type: 'tmpfs', source: 'x' }), 'not absolute'],
      [({ root }) => Object.assign(root, { path: 'nosuch' }), 'nosuch'],
      [({ linux }) => Object.assign(linux, { devices: [{ type: 'x', path: '/dev/x' }] }), 'device type'],
      [
        ({ linux }) => Object.assign(linux, { personality: { domain: 'LINUX32' } }),
        'linux.personality is not supported',
      ],
      [({ linux }) => Object.assign(linux, { rootfsPropagation: 'nope' }), 'rootfsPropagation=nope'],
      [({ linux }) => Object.assign(linux, { seccomp: { defaultAction: 'SCMP_ACT_NOPE' } }), 'SCMP_ACT_NOPE'],
    ];
    for (const [change, words] of bad) {
      const id = bundles.id();
      const refused = await bundles.run('create', '--bundle', await bundles.make(['true'], change), id);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(words) });
      expect(existsSync(cgroupOf(id)), words).toBe(false);
    }
    expect(await bundles.succeed('list', '--quiet')).toBe('');
  });

  it('gives its streams to the user of the program, but nobody the devices of the host', async () => {
    const before = statSync('/dev/null');
    const bundle = await bundles.make(['sh', '-c', 'echo again > /dev/stdout'], ({ process }) => {
      process.user = { uid: 1234, gid: 0 };
    });
    const { stdout, stderr } = await bundles.within(
      ['sh', '-c', '"$@" < /dev/null | cat', 'sh'],
      [...['run', '--bundle', bundle, bundles.id()]],
    );
    expect({ stdout, stderr }).toEqual({ stdout: 'again\n', stderr: '' });
    const { uid, gid } = statSync('/dev/null');
    expect({ uid, gid }).toEqual({ uid: before.uid, gid: before.gid });
  });

  it('warns of a capability that it does not know, and goes on', async () => {
    const bundle = await bundles.make(['echo', 'ran'], ({ process }) => {
      process.capabilities?.bounding?.push('CAP_NOPE');
    });
    const { code, stdout, stderr } = await bundles.run('run', '--bundle', bundle, bundles.id());
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ran\n' });
    expect(stderr).toContain('CAP_NOPE');
  });
});

/** Units differ: what a shell needs is in bytes, files or processes. */
const limitFor = (type: string): number =>
  ['DATA', 'STACK', 'AS', 'FSIZE', 'CORE', 'RSS'].some(name => type.endsWith(`_${name}`))
    ? 64_000_000 + limitNames.indexOf(type) * 4096
    : 1000 + limitNames.indexOf(type);
