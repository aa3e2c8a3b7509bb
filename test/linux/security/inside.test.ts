import { chmodSync, chownSync, statSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { pythonArchive } from '../../support/images.ts';
import { engineToAttack, imageArchive, loadHostile, usable } from './fixture.ts';
import { asksWhetherItselfIsWritable, pauses } from './machine-code.ts';

/** Calls that a container must not be allowed, whoever it is; the kernel's answer to each. */
const forbiddenCalls = `
import ctypes, errno, json, platform, socket
libc = ctypes.CDLL(None, use_errno=True)
x64 = platform.machine() == 'x86_64'
numbers = {
  'unshare user': (272, 97, 0x10000000), 'unshare mnt': (272, 97, 0x20000), 'setns': (308, 268, 0, 0),
  'mount': (165, 40, 0, 0, 0, 0, 0), 'umount2': (166, 39, 0, 0), 'pivot_root': (155, 41, 0, 0),
  'keyctl': (250, 219, 0, 0), 'add_key': (248, 217, 0, 0, 0, 0, 0), 'request_key': (249, 218, 0, 0, 0, 0),
  'bpf': (321, 280, 0, 0, 0), 'io_uring_setup': (425, 425, 1, 0), 'userfaultfd': (323, 282, 0),
  'perf_event_open': (298, 241, 0, 0, 0, 0, 0), 'open_by_handle_at': (304, 265, 0, 0, 0),
  'init_module': (175, 105, 0, 0, 0), 'kexec_load': (246, 104, 0, 0, 0, 0), 'swapon': (167, 224, 0, 0),
  'reboot': (169, 142, 0, 0, 0), 'acct': (163, 89, 0), 'settimeofday': (164, 170, 0, 0),
  'fsopen': (430, 430, 0, 0), 'open_tree': (428, 428, 0, 0, 0), 'move_mount': (429, 429, 0, 0, 0, 0, 0),
  'mount_setattr': (442, 442, 0, 0, 0, 0, 0), 'process_vm_readv in': (0, 0), 'personality': (135, 92, 0x1234),
}
del numbers['process_vm_readv in']
def name(result):
  return 'allowed' if result != -1 else errno.errorcode[ctypes.get_errno()]
told = {}
for call, (one, two, *args) in numbers.items():
  told[call] = name(libc.syscall(one if x64 else two, *args))
told['clone user'] = name(libc.syscall(56 if x64 else 220, 0x10000000 | 17, 0, 0, 0, 0))
told['clone3'] = name(libc.syscall(435, 0, 0))
for family in ('VSOCK', 'ALG'):
  told['socket ' + family] = name(libc.syscall(41 if x64 else 198, {'VSOCK': 40, 'ALG': 38}[family], 1, 0))
print(json.dumps(told))
`;

/** Looks through the root of every process that appears, as fast as it can. */
const throughRoots = (path: string): string => `
import os, time
end = time.time() + 8
seen = 0
print('looking', flush=True)
while time.time() < end:
  top = seen
  for pid in range(max(2, seen - 3), seen + 40):
    if pid == os.getpid(): continue
    try:
      os.stat('/proc/%d' % pid)
    except OSError: continue
    top = max(top, pid)
    for link in ('root', 'cwd'):
      try: print('FOUND', open('/proc/%d/%s${path}' % (pid, link)).read(), flush=True)
      except OSError: pass
  seen = top
`;

const dockerCapabilities = '00000000a80425fb';

describe.skipIf(!usable)('a container', { timeout: 60_000 }, () => {
  const host = engineToAttack();
  const { treasure } = host;
  const run = async (...args: string[]): Promise<string> => host.engine.docker('run', '--rm', ...args);
  const python = (program: string, ...args: string[]): Promise<string> =>
    run(...args, 'debian-python', 'python3', '-c', program);
  const shell = (script: string, ...args: string[]): Promise<string> => run(...args, 'busybox', 'sh', '-c', script);

  beforeAll(async () => {
    await host.engine.docker('load', '-q', '-i', await pythonArchive());
  }, 240_000);

  it('is refused every call that leads out', async () => {
    const told = JSON.parse(await python(forbiddenCalls)) as Record<string, string>;
    const { clone3, ...others } = told;
    expect(clone3).toBe('ENOSYS'); // so that C libraries fall back to clone, whose flags can be judged
    expect(Object.entries(others).filter(([, answer]) => answer !== 'EPERM')).toEqual([]);
    expect(Object.keys(others).length).toBeGreaterThan(25);
  });

  it('has the fourteen capabilities, another user none, and nobody anything to inherit', async () => {
    const sets = (text: string): string[] => [...text.matchAll(/^Cap\w+:\s+(\w+)$/gm)].map(match => match[1] ?? '');
    const [none, full] = ['0'.repeat(16), dockerCapabilities];
    const look = 'cat /proc/self/status';
    expect(sets(await shell(look))).toEqual([none, full, full, full, none]);
    expect(sets(await shell(look, '-u', '1000'))).toEqual([none, none, none, full, none]);
    expect(sets(await shell(look, '--cap-drop', 'ALL'))).toEqual([none, none, none, none, none]);
    await host.engine.docker('run', '-d', '--name', 'caps', 'busybox', 'sleep', '1000');
    expect(sets(await host.engine.docker('exec', 'caps', 'sh', '-c', look))).toEqual([none, full, full, full, none]);
    expect(sets(await host.engine.docker('exec', '-u', 'user', 'caps', 'sh', '-c', look))).toEqual([
      none,
      none,
      none,
      full,
      none,
    ]);
    await host.engine.docker('rm', '-f', 'caps');
  });

  it('knows nothing of the engine: no variable, no descriptor, no memory, no mount but its own', async () => {
    const all = await shell(
      'cat /proc/1/environ /proc/1/maps /proc/self/environ; ls /proc/1/fd; cat /proc/1/mountinfo; ls /proc/[0-9]*/fd',
    );
    expect(all).not.toContain(treasure.secret);
    expect(all).not.toMatch(/koffi|bin\/node|keeper|agent\.cjs|docker\.sock|engine\.lock/);
    const lines = (await shell('cat /proc/self/mountinfo'))
      .trim()
      .split('\n')
      .map(line => line.split(' '));
    const places = lines.map(line => line[4] ?? '').filter(place => !/^\/(proc|sys)\//.test(place));
    expect(places.sort()).toEqual(
      [
        '/',
        '/dev',
        '/dev/mqueue',
        '/dev/pts',
        '/dev/shm',
        '/etc/hostname',
        '/etc/hosts',
        '/etc/resolv.conf',
        '/proc',
        '/sys',
      ].sort(),
    );
    expect((await shell('ls /dev')).split('\n').filter(Boolean)).toEqual(
      expect.arrayContaining(['full', 'null', 'random', 'tty', 'urandom', 'zero']),
    );
  });

  it('cannot use a device that it makes, nor change one of the host', async () => {
    const { rdev, mode, uid } = statSync('/dev/null');
    const disk = statSync('/dev/vda', { throwIfNoEntry: false })?.rdev ?? 0x801;
    const told = await shell(
      `mknod /tmp/disk b ${disk >> 8} ${disk & 255} && head -c 1 /tmp/disk; mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem;
       mknod /tmp/kmsg c 1 11 && head -c 1 /tmp/kmsg; for file in /proc/self/fd/0 /proc/keys /dev/null; do chmod 640 $file; chown 7 $file; done`,
    ).catch(error => String(error));
    expect(told).not.toMatch(/^[^/]*\d/);
    const now = statSync('/dev/null');
    chmodSync('/dev/null', mode & 0o7777); // a failure must not cost this host its null device
    chownSync('/dev/null', uid, now.gid);
    expect(now).toMatchObject({ rdev, mode, uid });
  });

  it('cannot write what belongs to the host', async () => {
    const files = [
      '/proc/sysrq-trigger',
      '/proc/sys/kernel/core_pattern',
      '/proc/sys/vm/panic_on_oom',
      '/sys/kernel/uevent_helper',
    ];
    const told = await shell(
      `for f in ${files.join(' ')} /proc/sys/fs/binfmt_misc/register /proc/irq/default_smp_affinity; do (echo x >$f) 2>/dev/null && echo "wrote $f"; done
       find /sys /proc/sys -type f -maxdepth 4 | head -2000 | while read f; do [ "$(stat -f -c %T $f)" ] && (: >>$f) 2>/dev/null && echo "opened $f"; done; cat /proc/keys /proc/timer_list | wc -c`,
    );
    expect(told).toBe('0\n');
  });

  it('does not find the host through a process on its way in, not even with CAP_SYS_PTRACE', async () => {
    await host.engine.docker(
      'run',
      '-d',
      '--name',
      'tracer',
      '--cap-add',
      'SYS_PTRACE',
      'debian-python',
      'python3',
      '-c',
      throughRoots(treasure.file),
    );
    await eventually('it looks', async () => (await host.engine.docker('logs', 'tracer')).includes('looking'));
    for (let round = 0; round < 25; round++) await host.engine.docker('exec', 'tracer', 'true');
    expect(await host.engine.docker('logs', 'tracer')).toBe('looking\n');
    await host.engine.docker('rm', '-f', 'tracer');
  });

  it('gets nowhere with a working directory that is a descriptor', async () => {
    await host.engine.docker('run', '-d', '--name', 'still', 'busybox', 'sleep', '1000');
    const script = `pwd; ls ../../../../..; cat ../../../../../../..${treasure.file}`;
    for (let fd = 0; fd < 20; fd++) {
      const directory = `/proc/self/fd/${fd}`;
      const started = await host.engine.tryDocker(['run', '--rm', '-w', directory, 'busybox', 'sh', '-c', script]);
      const entered = await host.engine.tryDocker(['exec', '-w', directory, 'still', 'sh', '-c', script]);
      for (const { code, stdout } of [started, entered]) {
        expect(code).not.toBe(0);
        expect(stdout).not.toContain(treasure.secret);
      }
    }
    await host.engine.docker('rm', '-f', 'still');
  });

  it('cannot reach the file that the keeper runs from', { timeout: 30_000 }, async ({ skip }) => {
    if (process.arch !== 'x64') skip('machine code for x86_64');
    const loader = { name: 'lib64/ld-linux-x86-64.so.2', text: asksWhetherItselfIsWritable() };
    const folders = ['bin', 'lib64', 'proc', 'dev', 'sys', 'etc'].map(name => ({ name, type: 'directory' as const }));
    const plain = { name: 'bin/wait', text: pauses() };
    await loadHostile(host.engine, await imageArchive('escape', [[...folders, loader, plain]]));
    const EROFS = 30;
    expect((await host.engine.tryDocker(['run', '--rm', '--entrypoint', '/proc/self/exe', 'escape'])).code).toBe(EROFS);
    await host.engine.docker('run', '-d', '--name', 'waiting', '--entrypoint', '/bin/wait', 'escape');
    expect((await host.engine.tryDocker(['exec', 'waiting', '/proc/self/exe'])).code).toBe(EROFS);
    await host.engine.docker('rm', '-f', 'waiting');
  });
});
