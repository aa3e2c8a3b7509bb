import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { linesOf } from '../../../../base/lines.ts';
import { type QemuPlan, qemuArguments } from '../../../../src/machine/drivers/qemu/command-line.ts';
import { candidates } from '../../../../src/machine/drivers/qemu/probe.ts';
import { probeRom } from '../../../../src/machine/drivers/qemu/probe-rom.ts';
import { type Accelerator, parseQemuVersion } from '../../../../src/machine/drivers/qemu/qemu.ts';
import { forwardedPort, Qmp } from '../../../../src/machine/drivers/qemu/qmp.ts';
import { incoming, stateFile } from '../../../../src/machine/drivers/qemu/saved-state.ts';

const plan: QemuPlan = {
  arch: 'amd64',
  version: { major: 7, minor: 2, patch: 22 },
  accelerator: 'tcg',
  cpus: 2,
  memoryMiB: 2048,
  kernel: '/i/vmlinux',
  initrd: '/m/initrd',
  kernelArguments: 'console=ttyS0 quiet',
  rootDisk: '/i/root.ext4',
  dataDisk: '/m/a, b/data.raw',
  console: '/m/a, b/console.log',
  readiness: '/m/ready.jsonl',
  wake: '/m/wake.sock',
  qmp: '/m/qmp.sock',
  pidFile: '/m/qemu.pid',
};

describe("QEMU's command line", () => {
  it('is what was measured to boot fast and safely', async () => {
    await expect(`${qemuArguments(plan).join('\n')}\n`).toMatchFileSnapshot('__golden__/qemu-tcg-7.2.txt');
  });

  const optionOf = (option: string, change: Partial<QemuPlan>): string | undefined => {
    const args = qemuArguments({ ...plan, ...change });
    return args[args.indexOf(option) + 1];
  };

  it('emulates all processors in one thread only where several crash guests', () => {
    const accel = (change: Partial<QemuPlan>): string | undefined => optionOf('-accel', change);
    expect(accel({ version: { major: 8, minor: 0, patch: 5 } })).toBe('tcg,thread=single');
    expect(accel({ version: { major: 8, minor: 1, patch: 0 } })).toBe('tcg');
    expect(accel({ version: { major: 10, minor: 0, patch: 0 }, arch: 'arm64' })).toBe('tcg');
    expect(accel({ accelerator: 'kvm' })).toBe('kvm');
  });

  it('leaves cmpxchg16b out only where it crashes guests', () => {
    const cpu = (change: Partial<QemuPlan>): string | undefined => optionOf('-cpu', change);
    expect(cpu({})).toBe('max,-cx16,-erms,-fsrm');
    expect(cpu({ version: { major: 10, minor: 0, patch: 0 } })).toBe('max,-erms,-fsrm');
    expect(cpu({ accelerator: 'kvm' })).toBe('host');
    expect(cpu({ arch: 'arm64' })).toBe('max');
  });
});

describe('the state of a sleeping machine', () => {
  const qemu = { program: '/usr/bin/qemu', version: { major: 7, minor: 2, patch: 22 } };
  const fileOf = (accelerator: Accelerator, dependsOn: unknown): string | undefined =>
    stateFile('/m', { accelerator, qemu }, dependsOn);

  it('has one name for all that it depends on', () => {
    expect(fileOf('tcg', [plan, 'settings'])).toBe(fileOf('tcg', [{ ...plan }, 'settings']));
    expect(fileOf('tcg', [plan, 'settings'])).not.toBe(fileOf('tcg', [plan, 'others']));
    expect(fileOf('kvm', plan)).toMatch(/^\/m\/sleeping-[0-9a-f]{32}$/);
    expect(fileOf('hvf', plan)).toBeUndefined();
    expect(fileOf('whpx', plan)).toBeUndefined();
  });

  it('is read by QEMU itself, or by a shell where QEMU could not yet', () => {
    expect(incoming("/it's/s", qemu.version)).toBe("exec:cat '/it'\\''s/s'");
    expect(incoming('/m/s', { major: 8, minor: 2, patch: 0 })).toBe('file:/m/s');
  });
});

describe('accelerators', () => {
  it('are tried natively first, and only for guests of the same architecture', () => {
    expect(candidates('amd64', 'linux', 'x64')).toEqual(['kvm', 'tcg']);
    expect(candidates('arm64', 'darwin', 'arm64')).toEqual(['hvf', 'tcg']);
    expect(candidates('amd64', 'win32', 'x64')).toEqual(['whpx', 'tcg']);
    expect(candidates('arm64', 'linux', 'x64')).toEqual(['tcg']);
  });

  it('are proved by a ROM that starts at the reset vector', () => {
    const rom = probeRom();
    expect(rom.length).toBe(65_536);
    expect(rom.subarray(0xfff0, 0xfff5).toString('hex')).toBe('ea000000f0');
  });

  it('belong to a QEMU whose version is read', () => {
    expect(parseQemuVersion('QEMU emulator version 7.2.22 (Debian 1:7.2)')).toEqual({ major: 7, minor: 2, patch: 22 });
    expect(parseQemuVersion('bash: no')).toBeUndefined();
  });
});

it('finds the SSH forward in `info usernet`', () => {
  const table = `Hub -1 (net0):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  UDP[236 sec]       14       10.0.2.15  61022       10.0.2.3    53     0     0
  TCP[ESTABLISHED]   15       127.0.0.1 43633       10.0.2.15 61022     0     0
  TCP[HOST_FORWARD]  13       127.0.0.1 43633       10.0.2.15 61022     0     0`;
  expect(forwardedPort(table, 61_022)).toBe(43_633);
  expect(forwardedPort(table, 22)).toBeUndefined();
});

describe('the monitor', () => {
  let server: Server | undefined;
  const folder = mkdtempSync(join(tmpdir(), 'berth-qmp-'));
  afterEach(() => {
    server?.close();
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  type Answer = (command: { execute: string; id: number }, socket: Socket) => void;

  /** A QEMU that greets and lets `answer` deal with commands. */
  const monitor = async (answer: Answer): Promise<string> => {
    const path = join(folder, `${Math.random()}.sock`);
    const serve = async (socket: Socket): Promise<void> => {
      socket.write('{"QMP": {"version": {}}}\n');
      for await (const line of linesOf(socket)) {
        const command = JSON.parse(line) as { execute: string; id: number };
        if (command.execute === 'qmp_capabilities') socket.write(`{"return": {}, "id": ${command.id}}\n`);
        else answer(command, socket);
      }
    };
    server = createServer(socket => void serve(socket).catch(() => undefined));
    await new Promise<void>(resolve => server?.listen(path, resolve));
    return path;
  };

  it('answers by id, with events in between', async () => {
    const path = await monitor(({ id }, socket) => {
      socket.write(`{"event": "RTC_CHANGE"}\n{"id": ${id}, "return": {"status": "running", "running": true}}\n`);
    });
    const qmp = await Qmp.connect(path);
    expect(await qmp.execute('query-status')).toEqual({ status: 'running', running: true });
    qmp.close();
  });

  it('an error and the human monitor speaking up are both failures', async () => {
    const path = await monitor(({ id, execute }, socket) => {
      const said =
        execute === 'quit' ? '"error": {"class": "GenericError", "desc": "no"}' : '"return": "Bad rule\\r\\n"';
      socket.write(`{"id": ${id}, ${said}}\n`);
    });
    const qmp = await Qmp.connect(path);
    await expect(qmp.execute('quit')).rejects.toThrow('no');
    await expect(qmp.tell('hostfwd_add x')).rejects.toThrow('Bad rule');
    qmp.close();
  });

  it('a QEMU that dies fails what was asked of it', async () => {
    const qmp = await Qmp.connect(await monitor((_, socket) => socket.destroy()));
    await expect(qmp.execute('query-status')).rejects.toThrow('QEMU has ended');
    await expect(Qmp.connect(join(folder, 'nobody'))).rejects.toThrow("QEMU's monitor does not answer");
  });

  it('one that does not greet is given up', async () => {
    const path = join(folder, 'silent.sock');
    server = createServer(socket => socket.on('error', () => undefined));
    await new Promise<void>(resolve => server?.listen(path, resolve));
    await expect(Qmp.connect(path, 100)).rejects.toThrow();
  });
});
