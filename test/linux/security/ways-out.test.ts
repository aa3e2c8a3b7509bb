import { readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { httpJson } from '../../../base/http-client.ts';
import { command, succeed } from '../../support/command.ts';
import { engineToAttack, imageArchive, loadHostile, usable } from './fixture.ts';

describe.skipIf(!usable)('a way out of other engines is none of ours:', { timeout: 60_000 }, () => {
  const host = engineToAttack();
  const { treasure } = host;
  const run = (...args: string[]) => host.engine.tryDocker(['run', '--rm', ...args]);
  const create = async (HostConfig: unknown): Promise<string> => {
    const body = { Image: 'led', Cmd: ['true'], HostConfig };
    const created = await httpJson({ socketPath: host.engine.socket }, 'POST', '/containers/create', { body });
    return (created as { Id: string }).Id;
  };

  it('a volume at /dev whose console, pts, null and shm are links (CVE-2025-52565, CVE-2025-31133)', async () => {
    const names = ['console', 'null', 'zero', 'ptmx', 'tty', 'fd', 'stdout'];
    const links = names.map(name => `ln -s ${treasure.file} /d/${name}`).join('; ');
    const folders = ['pts', 'shm', 'mqueue'].map(name => `ln -s ${treasure.folder} /d/${name}`).join('; ');
    await host.engine.docker('run', '--rm', '-v', 'devices:/d', 'busybox', 'sh', '-c', `${links}; ${folders}`);
    for (const terminal of [[], ['-t']]) {
      const script = `cat ${treasure.file} ${treasure.folder}/* /dev/console /dev/null </dev/zero; echo x >/dev/stdout; true`;
      const { stdout, stderr } = await command('timeout', [
        '20',
        'docker',
        '-H',
        `unix://${host.engine.socket}`,
        'run',
        '--rm',
        ...terminal,
        '-v',
        'devices:/dev',
        'busybox',
        'sh',
        '-c',
        script,
      ]);
      expect(stdout + stderr).not.toContain(treasure.secret);
      treasure.assertUntouched();
    }
  });

  it('a mount over or inside /proc, by either of the two ways to ask for one (CVE-2019-19921, CVE-2026-6406)', async () => {
    const fill =
      'mkdir -p /d/sys/net/ipv4 /d/self/attr /d/thread-self/attr/apparmor; echo old >/d/sys/net/ipv4/ip_default_ttl';
    await host.engine.docker('run', '--rm', '-v', 'proc:/d', 'busybox', 'sh', '-c', fill);
    const link = { name: 'data', type: 'symlink' as const, linkname: '/proc/sys' };
    const folders = ['proc', 'dev', 'sys', 'etc'].map(name => ({ name, type: 'directory' as const }));
    await loadHostile(host.engine, await imageArchive('led', [[...folders, link]]));
    for (const place of ['/proc', '/proc/sys', '/proc/self', '/proc/1', '/proc/sys/kernel', '/data']) {
      for (const asked of [
        { Binds: [`proc:${place}`] },
        { Mounts: [{ Type: 'volume', Source: 'proc', Target: place }] },
        { Mounts: [{ Type: 'bind', Source: treasure.folder, Target: place }] },
      ]) {
        const id = await create({ ...asked, Sysctls: { 'net.ipv4.ip_default_ttl': '77' } });
        const { code, stderr } = await host.engine.tryDocker(['start', id]);
        expect([place, asked, code, stderr]).toEqual([
          place,
          asked,
          1,
          expect.stringMatching(/cannot be mounted because it is (inside \/proc|not of type proc)/),
        ]);
        await host.engine.docker('rm', '-f', id);
      }
    }
    const kept = await run('-v', 'proc:/d', 'busybox', 'cat', '/d/sys/net/ipv4/ip_default_ttl');
    expect(kept.stdout).toBe('old\n');
  });

  it('reading what neighbours do from counters of the machine (GHSA-6fw5, GHSA-jq35)', async () => {
    const script = `cat /proc/interrupts /proc/timer_list /proc/sched_debug /proc/keys /proc/kcore 2>/dev/null | head -c 100 | wc -c
      ls /sys/devices/virtual/powercap /sys/firmware /proc/acpi /proc/scsi /sys/devices/system/cpu/cpu*/thermal_throttle 2>/dev/null | grep -v : | grep .; true`;
    expect((await run('busybox', 'sh', '-c', script)).stdout).toBe('0\n');
  });

  it('the processes of the host, seen through its PID namespace', async () => {
    const ours = (await succeed('pgrep', ['-f', host.engine.execRoot])).trim().split('\n'); // command line, agent, keeper
    expect(ours.length).toBeGreaterThanOrEqual(3);
    const pids = ['1', String(process.pid), ...ours].join(' ');
    const script = `for pid in ${pids}; do [ -d /proc/$pid ] || continue
      for file in root/etc/hostname environ fd/0 cwd/. exe ns/mnt mem; do (: <"/proc/$pid/$file") 2>/dev/null && echo "$pid $file"; done done; readlink /proc/self/ns/pid`;
    expect((await run('--pid', 'host', 'busybox', 'sh', '-c', script)).stdout).toBe(
      `${readlinkSync('/proc/self/ns/pid')}\n`,
    );
  });

  it('a hard link, a device or a set-user-id file on a volume that the host would trip over', async () => {
    const script = `ln /etc/hosts /v/hosts; mknod /v/disk b 8 0; mknod /v/mem c 1 1; cp /bin/busybox /v/sh; chmod 6755 /v/sh; ls /v`;
    await run('-v', 'trap:/v', 'busybox', 'sh', '-c', script);
    const place = (await host.engine.docker('volume', 'inspect', '--format', '{{.Mountpoint}}', 'trap')).trim();
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const tried = await command(nobody[0] ?? '', [...nobody.slice(1), `${place}/sh`, 'true']);
    expect(tried.code).not.toBe(0); // nobody but root gets there
  });
});
