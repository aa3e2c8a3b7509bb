import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageArchive, loadHostile } from '../linux/security/fixture.ts';
import { asksForSocketTheOldWay } from '../linux/security/machine-code.ts';
import { busyboxArchive } from '../support/images.ts';
import { startMachine, type TestMachine } from '../support/machine.ts';

const EACCES = 13;
const AF_ALG = 38;
const AF_VSOCK = 40;

describe('a container in the machine', { timeout: 240_000 }, () => {
  let machine: TestMachine;
  beforeAll(async () => {
    machine = await startMachine();
    await machine.docker('load', '-q', '-i', await busyboxArchive());
  }, 900_000);
  afterAll(() => machine?.stop(), 240_000);

  const run = async (options: string[], script: string): Promise<string> => {
    const { stdout, stderr } = await machine.tryDocker(['run', '--rm', ...options, 'busybox', 'sh', '-c', script]);
    return stdout + stderr;
  };
  const label = 'cat /proc/self/attr/current';

  it('is confined by AppArmor, as is what is executed in it, unless it is asked not to be', async () => {
    expect(await run([], label)).toBe('docker-default (enforce)\n');
    expect(await run(['-u', '1000', '--security-opt', 'no-new-privileges'], label)).toBe('docker-default (enforce)\n');
    expect(await run(['--security-opt', 'apparmor=unconfined'], label)).toBe('unconfined\n');
    expect(await run(['--privileged'], label)).toBe('unconfined\n');
    await machine.docker('run', '-d', '--name', 'confined', 'busybox', 'sleep', '1000');
    expect(await machine.docker('exec', 'confined', 'sh', '-c', label)).toBe('docker-default (enforce)\n');
    const shown = ['inspect', '--format', '{{.AppArmorProfile}}'];
    expect(await machine.docker(...shown, 'confined')).toBe('docker-default\n');
    await machine.docker('rm', '-f', 'confined');
    expect(JSON.parse(await machine.docker('info', '--format', '{{json .SecurityOptions}}'))).toContain(
      'name=apparmor',
    );
  });

  it('does not start under a profile that nobody has loaded', async () => {
    expect(await run(['--security-opt', 'apparmor=nope'], 'true')).toContain(
      'unable to start container process: error during container init: unable to apply apparmor profile: apparmor failed to apply profile: write /proc/thread-self/attr/apparmor/exec: no such file or directory',
    );
  });

  it('may neither mount nor write where proc and sys are the machine’s, whatever else it was given', async () => {
    const open = [
      '--cap-add',
      'ALL',
      '--security-opt',
      'seccomp=unconfined',
      '--security-opt',
      'systempaths=unconfined',
    ];
    // Each writes what is there already, so that a success does no harm.
    const attempt = `mkdir -p /mnt; mount -t tmpfs none /mnt 2>/dev/null && echo mounted; head -c 1 /proc/kcore >/dev/null 2>&1 && echo read kcore
      for file in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /sys/module/overlay/parameters/metacopy /proc/sys/kernel/shmmax
      do value=$(cat $file); (echo "$value" >$file) 2>/dev/null && echo wrote $file; done
      (echo 1 >/proc/self/oom_score_adj) && echo wrote its own; umount /dev/shm && echo unmounted`;
    const own = ['wrote /proc/sys/kernel/shmmax', 'wrote its own', 'unmounted', ''].join('\n');
    const others = [
      'mounted',
      'read kcore',
      'wrote /proc/sys/kernel/core_pattern',
      'wrote /proc/sys/vm/swappiness',
      'wrote /sys/module/overlay/parameters/metacopy',
      '',
    ].join('\n');
    expect(await run(open, attempt)).toBe(own);
    const remount = 'mount -o remount,rw /sys;';
    expect(await run([...open, '--security-opt', 'apparmor=unconfined'], remount + attempt)).toBe(others + own);
  });

  it('reaches the host by no socket, nor by the old call whose arguments seccomp does not see', async ({ skip }) => {
    if (process.arch !== 'x64') skip('machine code for x86_64');
    for (const family of [AF_ALG, AF_VSOCK]) {
      const files = [{ name: 'ask', text: asksForSocketTheOldWay(family) }];
      const folders = ['proc', 'dev', 'sys', 'etc'].map(name => ({ name, type: 'directory' as const }));
      await loadHostile(machine, await imageArchive(`ask${family}`, [[...folders, ...files]]));
      const { code } = await machine.tryDocker(['run', '--rm', '--entrypoint', '/ask', `ask${family}`]);
      expect([family, code]).toEqual([family, EACCES]);
    }
  });
});

describe('a machine whose containers’ root is nobody', { timeout: 240_000 }, () => {
  let machine: TestMachine;
  beforeAll(async () => {
    machine = await startMachine({ 'userns-remap': 'default' });
    await machine.docker('load', '-q', '-i', await busyboxArchive());
  }, 900_000);
  afterAll(() => machine?.stop(), 240_000);

  it('runs and enters them, confined and with files of their own', async () => {
    const script =
      'id -u; cat /proc/self/uid_map /proc/self/attr/current; stat -c %u / /v /dev/null; touch /v/x; echo x >/dev/null; ls /sys/fs/cgroup/cgroup.procs';
    const told = await machine.docker('run', '--rm', '-m', '64m', '-v', 'mine:/v', 'busybox', 'sh', '-c', script);
    const lines = ['0', '0 100000 65536', 'docker-default (enforce)', '0', '0', '0', '/sys/fs/cgroup/cgroup.procs', ''];
    expect(told.split('\n').map(line => line.trim().replace(/ +/g, ' '))).toEqual(lines);
    await machine.docker('run', '-d', '-t', '--name', 'mapped', 'busybox', 'sleep', '1000');
    expect(await machine.docker('exec', 'mapped', 'sh', '-c', 'id -u; cat /proc/self/attr/current')).toBe(
      '0\ndocker-default (enforce)\n',
    );
    await machine.docker('rm', '-f', 'mapped');
  });
});
