import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { httpBytes } from '../../../../base/http-client.ts';
import { createLog } from '../../../../base/log.ts';
import { ensureKeys, Machine, type MachineState, StartError } from '../../../../src/machine/index.ts';
import { FakeMachineDriver } from '../../../fakes/fake-machine-driver.ts';

let home: string;
let driver: FakeMachineDriver;
const machines: Machine[] = [];

function newMachine(): Machine {
  const machine = new Machine({
    folder: join(home, 'machine'),
    imageFolder: join(home, 'image'),
    arch: 'amd64',
    dockerSocket: join(home, 'docker.sock'),
    driver,
    cpus: 1,
    memoryMiB: 512,
    diskGiB: 8,
    guest: { engine: {} },
    log: createLog({ level: 'error', write: () => undefined }),
  });
  machines.push(machine);
  return machine;
}

function writeImage(change: Record<string, unknown> = {}): void {
  const file = { sha256: '', size: 1 };
  const manifest = {
    ...{ version: 1, arch: 'amd64', digest: 'd'.repeat(64), kernel: '6.12', cmdline: '' },
    ...{ files: { vmlinux: file, initramfs: file, root: file } },
    ...change,
  };
  mkdirSync(join(home, 'image'), { recursive: true });
  writeFileSync(join(home, 'image', 'image.json'), JSON.stringify(manifest));
  for (const name of ['vmlinux', 'initramfs', 'root.ext4']) writeFileSync(join(home, 'image', name), 'x');
}

const ping = async (): Promise<string> =>
  (await httpBytes({ socketPath: join(home, 'docker.sock') }, 'GET', '/_ping')).toString();

const failure = async (machine: Machine): Promise<StartError> => {
  const error: unknown = await machine
    .start(() => undefined)
    .then(
      () => undefined,
      reason => reason,
    );
  if (!(error instanceof StartError)) throw new Error(`not a StartError: ${error}`);
  return error;
};

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'berth-m-'));
  driver = new FakeMachineDriver(join(home, 'guest'));
  writeImage();
});

afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.stop();
  rmSync(home, { recursive: true });
});

describe('a start', () => {
  it('goes phase by phase to an engine that answers, and a stop takes everything back', async () => {
    const machine = newMachine();
    const states: MachineState['status'][] = [];
    machine.onState = state => states.push(state.status);
    const phases: string[] = [];
    await machine.start(({ phase, ms }) => ms !== undefined && phases.push(phase));
    const guest = ['kernel', 'root', 'agent', 'keep', 'awake', 'data', 'ready'];
    expect(phases).toEqual(['image', 'accelerator', 'disk', 'launch', ...guest, 'channel', 'engine']);
    expect(await ping()).toBe('OK');
    expect(statSync(join(home, 'machine', 'data.raw')).size).toBe(8 * 1024 ** 3);
    expect(statSync(join(home, 'machine', 'keys.json')).mode & 0o777).toBe(0o600);
    await machine.stop();
    expect(driver.events).toEqual(['start', 'keep', 'call', 'off']);
    expect(existsSync(join(home, 'docker.sock'))).toBe(false);
    expect([...new Set(states)]).toEqual(['starting', 'running', 'stopping', 'stopped']);
  });

  it('keeps its keys and never makes the disk smaller', async () => {
    const first = newMachine();
    await first.start(() => undefined);
    await first.stop();
    const keys = readFileSync(join(home, 'machine', 'keys.json'), 'utf8');
    const second = newMachine();
    await second.start(() => undefined);
    expect(readFileSync(join(home, 'machine', 'keys.json'), 'utf8')).toBe(keys);
  });

  it('begins where an earlier one was kept, with the clock of today and a secret of its own', async () => {
    const machine = newMachine();
    await machine.start(() => undefined);
    await machine.stop();
    const phases: string[] = [];
    await machine.start(({ phase, ms }) => ms !== undefined && phases.push(phase));
    expect(phases).toEqual(['image', 'accelerator', 'disk', 'launch', 'awake', 'data', 'ready', 'channel', 'engine']);
    expect(driver.events).toEqual(['start', 'keep', 'call', 'off', 'resume']);
    expect(await ping()).toBe('OK');
    const [first, second] = driver.calls;
    expect(Buffer.from(first?.secret ?? '', 'base64')).toHaveLength(64);
    expect(second?.secret).not.toBe(first?.secret);
    expect(Math.abs(Date.now() - (second?.timeUnixMs ?? 0))).toBeLessThan(60_000);
  });

  it('boots afresh when what was kept does not go on', async () => {
    const machine = newMachine();
    await machine.start(() => undefined);
    await machine.stop();
    driver.faults = { diesOnWaking: true };
    await machine.start(() => undefined);
    expect(driver.events.slice(4)).toEqual(['resume', 'killed', 'start', 'keep']);
    expect(await ping()).toBe('OK');
  });

  it('is tried again when the guest ends before it knows its data', async () => {
    driver.faults = { stopsAfter: 'kernel', fails: 'Kernel panic', once: true };
    await newMachine().start(() => undefined);
    expect(driver.events).toEqual(['start', 'killed', 'start', 'keep']);
    expect(await ping()).toBe('OK');
  });

  it('is a start all the same when it cannot be kept', async () => {
    driver.faults = { cannotKeep: 'No space left on device' };
    const machine = newMachine();
    await machine.start(() => undefined);
    expect(await ping()).toBe('OK');
    expect(driver.events).toEqual(['start']);
  });

  it('says what went wrong where, and leaves nothing running', async () => {
    driver.faults = { stopsAfter: 'awake', fails: 'the data disk holds something that is not ours' };
    const machine = newMachine();
    const error = await failure(machine);
    expect(error.phase).toBe('data');
    expect(error.message).toContain('the data disk holds something that is not ours');
    expect(error.message).toContain('Kernel panic - not syncing');
    expect(error.repair).toContain('berth logs --console');
    expect(machine.state).toMatchObject({ status: 'failed', phase: 'data' });
    expect(driver.events).toEqual(['start', 'keep', 'killed']);
    driver.faults = {};
    await machine.start(() => undefined); // the next attempt works
  });

  it('refuses an image that is missing, not whole, or for another processor', async () => {
    writeFileSync(join(home, 'image', 'root.ext4'), 'too long');
    expect((await failure(newMachine())).message).toContain('is not whole');
    writeImage({ arch: 'arm64' });
    expect((await failure(newMachine())).message).toContain('is for arm64');
    rmSync(join(home, 'image'), { recursive: true });
    expect((await failure(newMachine())).message).toContain('There is no machine image yet');
    expect(driver.events).toEqual([]);
  });

  it('passes the words of its driver on', async () => {
    driver.faults = { refuses: 'QEMU did not start: no such device' };
    const error = await failure(newMachine());
    expect(error).toMatchObject({ phase: 'launch' });
    expect(error.message).toContain('no such device');
  });

  it('can be cancelled while the guest hangs', async () => {
    driver.faults = { stopsAfter: 'kernel' };
    const machine = newMachine();
    const booting = Promise.withResolvers<void>();
    const started = machine.start(({ phase }) => phase === 'kernel' && booting.resolve());
    started.catch(() => undefined);
    await booting.promise;
    await machine.stop();
    await expect(started).rejects.toThrow('the start was cancelled');
    expect(driver.events).toEqual(['start', 'killed']);
  });

  it('happens once: a second owner is refused, in this process and in others', async () => {
    const machine = newMachine();
    await machine.start(() => undefined);
    await expect(newMachine().start(() => undefined)).rejects.toThrow('is run by another berth program');
    await expect(machine.start(() => undefined)).rejects.toThrow('The machine is running already');
    expect(await ping()).toBe('OK');
  });
});

describe('a running machine', () => {
  /** What a host program that died at once after the launch leaves. */
  async function startAndDie(): Promise<void> {
    const image = { manifest: JSON.parse(readFileSync(join(home, 'image', 'image.json'), 'utf8')) };
    mkdirSync(join(home, 'machine'), { recursive: true });
    const keys = await ensureKeys(join(home, 'machine', 'keys.json'));
    const settings = { hostKey: keys.host.private, authorizedKeys: [keys.user.public] };
    const rest = { kernel: '', initramfs: '', rootDisk: '' };
    await driver.start({ image: { ...image, ...rest }, dataDisk: '', cpus: 1, memoryMiB: 1, settings });
  }

  it('is taken over, not booted again, when its host program is gone', async () => {
    await startAndDie();
    const machine = newMachine();
    await machine.start(() => undefined);
    expect(machine.state).toMatchObject({ status: 'running', adopted: true });
    expect(await ping()).toBe('OK');
    expect(driver.events).toEqual(['start']);
  });

  it('is woken by who takes it over when it still sleeps where an earlier boot was kept', async () => {
    const machine = newMachine();
    await machine.start(() => undefined);
    await machine.stop();
    await startAndDie();
    await machine.start(() => undefined);
    expect(machine.state).toMatchObject({ status: 'running', adopted: true });
    expect(await ping()).toBe('OK');
    expect(driver.events.at(-1)).toBe('resume');
  });

  it('that dies is reported, and what belonged to it is closed', async () => {
    const machine = newMachine();
    await machine.start(() => undefined);
    const { lost } = machine;
    driver.crash('QEMU ended with SIGKILL');
    expect(await lost).toEqual({ clean: false, reason: 'QEMU ended with SIGKILL' });
    await expect.poll(() => machine.state.status).toBe('failed');
    expect(machine.state).toMatchObject({ message: 'The machine has ended: QEMU ended with SIGKILL' });
    expect(existsSync(join(home, 'docker.sock'))).toBe(false);
    await machine.start(() => undefined);
    expect(await ping()).toBe('OK');
  });
});
