import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { busyboxArchive, pythonArchive } from '../../support/images.ts';
import { imageArchive, loadHostile, usable } from './fixture.ts';
import { ends } from './machine-code.ts';

/** The session keyring of the process that runs it: its number and what the kernel calls it. keyctl(2) */
const askForKeyring = `
import ctypes, platform
libc = ctypes.CDLL(None, use_errno=True)
keyctl = 250 if platform.machine() == 'x86_64' else 219
ring = libc.syscall(keyctl, 0, -3, 0)
text = ctypes.create_string_buffer(200)
libc.syscall(keyctl, 6, ring, text, 200)
print(ring, text.value.decode())
`;

describe.skipIf(!usable)('the confinement of a container', { timeout: 60_000 }, () => {
  let engine: NativeEngine;
  beforeAll(async () => {
    engine = await startNativeEngine();
    await engine.docker('load', '-q', '-i', await busyboxArchive());
    await engine.docker('load', '-q', '-i', await pythonArchive());
  }, 240_000);
  afterAll(() => engine?.stop());

  it('has a session keyring of its own, which what is executed in it shares', async () => {
    const ask = ['python3', '-c', askForKeyring];
    const open = ['--security-opt', 'seccomp=unconfined'];
    const rings: string[] = [];
    for (const name of ['ring1', 'ring2']) {
      const id = (await engine.docker('run', '-d', '--name', name, ...open, 'debian-python', 'sleep', '1000')).trim();
      const told = await engine.docker('exec', name, ...ask);
      expect(told).toContain(`_ses.${id}`);
      expect(await engine.docker('exec', '-u', '7', name, ...ask)).toBe(told);
      rings.push(told);
      await engine.docker('rm', '-f', name);
    }
    expect(new Set(rings).size).toBe(2);
    expect(await engine.docker('run', '--rm', ...open, 'debian-python', ...ask)).not.toContain(rings[0]);
  });

  it('can be a filter that allows no more than the very last calls', async ({ skip }) => {
    if (process.arch !== 'x64') skip('machine code for x86_64');
    const folders = ['proc', 'dev', 'sys', 'etc'].map(name => ({ name, type: 'directory' as const }));
    await loadHostile(engine, await imageArchive('ends', [[...folders, { name: 'ends', text: ends() }]]));
    const folder = mkdtempSync(join(tmpdir(), 'profile-'));
    const run = async (names: string[], ...options: string[]): Promise<number | null> => {
      const syscalls = [{ names, action: 'SCMP_ACT_ALLOW' }];
      const profile = { defaultAction: 'SCMP_ACT_KILL_PROCESS', architectures: ['SCMP_ARCH_X86_64'], syscalls };
      writeFileSync(join(folder, 'profile.json'), JSON.stringify(profile));
      const filter = ['--security-opt', `seccomp=${join(folder, 'profile.json')}`];
      return (await engine.tryDocker(['run', '--rm', ...filter, ...options, 'ends', '/ends'])).code;
    };
    for (let round = 0; round < 10; round++) {
      expect(await run(['capset', 'execve', 'exit'])).toBe(42);
      expect(await run(['execve', 'exit'], '--security-opt', 'no-new-privileges')).toBe(42);
    }
    expect(await run(['capset', 'execve'])).toBe(128 + 31); // SIGSYS: the filter is on
    rmSync(folder, { recursive: true });
  });

  it('stays on a privileged exec, whose capabilities lead nowhere then', async () => {
    await engine.docker('run', '-d', '--name', 'still', 'busybox', 'sleep', '1000');
    const script = 'grep -E "^Seccomp:" /proc/self/status; mount -t tmpfs x /tmp && echo mounted; true';
    expect(await engine.docker('exec', '--privileged', 'still', 'sh', '-c', script)).toBe('Seccomp:\t2\n');
    await engine.docker('rm', '-f', 'still');
  });
});
