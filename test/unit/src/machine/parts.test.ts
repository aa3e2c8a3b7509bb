import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cpioArchive, writeInitrd } from '../../../../src/machine/initrd.ts';
import { acquireFileLock, acquireLock } from '../../../../src/machine/lock.ts';
import { goneWithin, identify, isAlive, signalProcess } from '../../../../src/machine/process-identity.ts';
import { limitOf, startPhases } from '../../../../src/machine/start-phases.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-parts-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A process that is there until it is killed. */
const sleeper = () => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });

describe('process identities', () => {
  it('tell a living process from a dead one and from its successor', async () => {
    const child = sleeper();
    const identity = identify(child.pid ?? 0);
    expect(isAlive(identity)).toBe(true);
    expect(isAlive({ ...identity, startedAt: '1' })).toBe(process.platform === 'win32');
    expect(signalProcess({ ...identity, startedAt: '1' }, 'SIGKILL')).toBe(process.platform === 'win32');
    expect(signalProcess(identity, 'SIGKILL')).toBe(true);
    expect(await goneWithin(identity, 3000)).toBe(true);
    expect(signalProcess(identity, 'SIGKILL')).toBe(false);
  });
});

describe('the lock', () => {
  it('is held by one process and goes with it, even when that is killed', async () => {
    const where = mkdtempSync(join(folder, 'lock-'));
    const program = `const { acquireLock } = await import(${JSON.stringify(join(import.meta.dirname, '../../../../src/machine/lock.ts'))});
      await acquireLock(${JSON.stringify(where)}); console.log('held'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise(resolve => child.stdout.once('data', resolve));
    await expect(acquireLock(where)).rejects.toThrow('is run by another berth program');
    child.kill('SIGKILL');
    await new Promise(resolve => child.once('exit', resolve));
    const lock = await acquireLock(where);
    await lock.release();
    await (await acquireLock(where)).release();
  });

  it('as a file: a dead owner is replaced, a living one is not', async () => {
    const path = join(folder, 'lock');
    const child = sleeper();
    const owner = identify(child.pid ?? 0);
    acquireFileLock(path, owner);
    expect(() => acquireFileLock(path)).toThrow(`(process ${owner.pid})`);
    signalProcess(owner, 'SIGKILL');
    await goneWithin(owner, 3000);
    const lock = acquireFileLock(path);
    await lock.release();
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, 'torn');
    await acquireFileLock(path).release();
  });
});

describe('the initrd', () => {
  it('has the settings behind the image, four bytes aligned, for its owner only', () => {
    const [initramfs, initrd] = [join(folder, 'initramfs'), join(folder, 'initrd')];
    writeFileSync(initramfs, 'seven b');
    writeInitrd(initrd, initramfs, { hostKey: 'secret', authorizedKeys: [] });
    const bytes = readFileSync(initrd);
    expect(statSync(initrd).mode & 0o777).toBe(0o600);
    expect(bytes.subarray(0, 8).toString('latin1')).toBe('seven b\0');
    expect(bytes.subarray(8, 14).toString()).toBe('070701');
    expect(bytes.length % 4).toBe(0);
  });

  it('is an archive that cpio reads', () => {
    const archive = cpioArchive([
      { path: 'a', mode: 0o040700, data: Buffer.alloc(0) },
      { path: 'a/file', mode: 0o100600, data: Buffer.from('hello') },
    ]);
    const read = spawnSync('cpio', ['--list', '--verbose', '--quiet', '--numeric-uid-gid'], { input: archive });
    if (read.error) return console.log('skipped: cpio is not installed');
    const lines = read.stdout.toString().trim().split('\n');
    expect(lines[0]).toMatch(/^drwx------ .* a$/);
    expect(lines[1]).toMatch(/^-rw------- .* 5 .* a\/file$/);
    return undefined;
  });
});

it('no phase may last for ever, and the emulated guest gets more time', () => {
  for (const phase of startPhases) {
    expect(limitOf(phase, true)).toBeGreaterThan(0);
    expect(limitOf(phase, false)).toBeLessThanOrEqual(300_000);
  }
  expect(limitOf('kernel', false)).toBeGreaterThan(limitOf('kernel', true));
  expect(limitOf('image', false)).toBe(limitOf('image', true));
});
