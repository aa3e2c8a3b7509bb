import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RuntimeMount } from '../../../contracts/oci/runtime-spec.ts';
import { defaultCapabilities, spec, Workshop, whyNot } from './harness.ts';

const reason = whyNot();

describe.skipIf(reason)('mounts of the host in a container', () => {
  let workshop: Workshop;
  let host: string;

  beforeAll(async () => {
    workshop = await Workshop.open();
    host = join(workshop.directory, 'host');
    mkdirSync(join(host, 'below'), { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', 'berth-test', host]);
    mkdirSync(join(host, 'below'));
    execFileSync('mount', ['-t', 'tmpfs', 'berth-test', join(host, 'below')]);
    execFileSync('mount', ['--make-rprivate', host]);
  });

  afterAll(async () => {
    execFileSync('umount', ['-R', host]);
    await workshop.close();
  });

  const run = async (mount: RuntimeMount, script: string): Promise<string> => {
    const made = spec(['sh', '-c', script], ({ mounts, process, linux }) => {
      mounts.push({ type: 'bind', ...mount });
      const sets = [...defaultCapabilities, 'CAP_SYS_ADMIN'];
      process.capabilities = { bounding: sets, permitted: sets, effective: sets };
      if (mount.options?.includes('rshared')) linux.rootfsPropagation = 'rshared';
    });
    return (await workshop.run(made)).output.trim();
  };

  it('are read-only to the bottom, or only at the top', async () => {
    const script = 'touch /x/a 2>/dev/null || echo top; touch /x/below/a 2>/dev/null || echo bottom';
    const bind = (...options: string[]): RuntimeMount => ({ destination: '/x', source: host, options });
    expect(await run(bind('rbind', 'rro'), script)).toBe('top\nbottom');
    expect(await run(bind('rbind', 'ro'), script)).toBe('top');
    expect(await run(bind('rbind', 'ro', 'rnoexec'), `${script}; grep -c noexec /proc/self/mounts`)).toMatch(/^top\n/);
  });

  it('have attributes of their own and of those below', async () => {
    const mount = { destination: '/x', source: host, options: ['rbind', 'ro', 'rnosuid', 'rnoexec'] };
    const lines = (await run(mount, "grep ' /x' /proc/self/mounts")).split('\n').map(line => line.split(' ')[3]);
    expect(lines[0]).toMatch(/^ro,nosuid,noexec/);
    expect(lines[1]).toMatch(/^rw,nosuid,noexec/);
  });

  it('reach into a volume no further than the volume', async () => {
    const volume = join(workshop.directory, 'volume');
    mkdirSync(join(volume, 'inside'), { recursive: true });
    writeFileSync(join(volume, 'inside/file'), 'kept');
    symlinkSync('/inside', join(volume, 'absolute'));
    symlinkSync('../../../../../../etc', join(volume, 'escape'));
    const sub = (subpath: string): RuntimeMount => ({ destination: '/x', source: volume, subpath, options: ['rbind'] });
    expect(await run(sub('inside'), 'cat /x/file')).toBe('kept');
    expect(await run(sub('absolute'), 'cat /x/file')).toBe('kept');
    await expect(run(sub('escape'), 'ls /x')).rejects.toThrow('ENOENT');
  });

  it('pass on what is mounted below them, when they are shared', async () => {
    execFileSync('mount', ['--make-shared', host]);
    mkdirSync(join(host, 'new'));
    const shared = { destination: '/x', source: host, options: ['rbind', 'rshared'] };
    await run(shared, 'mount -t tmpfs inner /x/new && touch /x/new/from-inside');
    expect(existsSync(join(host, 'new/from-inside'))).toBe(true);
    execFileSync('umount', [join(host, 'new')]);
    const slave = { destination: '/x', source: host, options: ['rbind', 'rslave'] };
    await run(slave, 'mount -t tmpfs inner /x/new && touch /x/new/from-inside');
    expect(existsSync(join(host, 'new/from-inside'))).toBe(false);
    expect(execFileSync('grep', ['-c', workshop.directory, '/proc/self/mounts']).toString().trim()).toBe('2');
  });
});
