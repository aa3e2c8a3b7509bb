import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packCpio } from '../../base/cpio.ts';
import { acceleratorOption } from '../../src/machine/drivers/qemu/command-line.ts';
import type { Verdict } from '../../src/machine/drivers/qemu/probe.ts';
import { succeed } from '../../test/support/command.ts';
import { limited, median, type Row } from './numbers.ts';

/** The first boot with an image happens once: it is measured less often. */
const firstBootEvery = 3;

const project = dirname(dirname(import.meta.dirname));

/**
 * The least that a machine can do: the same kernel and accelerator, called the same way, an initramfs with one program
 * that turns the machine off. Seconds from the start of QEMU to its end.
 */
async function bareBoot(images: string, { accelerator, qemu }: Verdict): Promise<number> {
  const work = await mkdtemp(join(tmpdir(), 'berth-bare-'));
  const init = '#!/bin/busybox sh\n/bin/busybox poweroff -f\n';
  const busybox = await readFile('/bin/busybox');
  const archive = packCpio([
    ...['bin', 'dev'].map(path => ({ path, mode: 0o755, kind: 'directory' }) as const),
    { path: 'dev/console', mode: 0o600, kind: 'device', device: { major: 5, minor: 1 } },
    { path: 'bin/busybox', mode: 0o755, kind: 'file', content: busybox },
    { path: 'init', mode: 0o755, kind: 'file', content: Buffer.from(init) },
  ]);
  await writeFile(join(work, 'initramfs'), archive);
  const cpu = accelerator === 'tcg' ? 'max,-cx16' : 'host';
  const machine = [
    '-M',
    'q35',
    '-accel',
    acceleratorOption({ accelerator, version: qemu.version }),
    '-cpu',
    cpu,
    '-smp',
    '2',
    '-m',
    '1024',
    '-nodefaults',
    '-display',
    'none',
  ];
  const kernel = [
    '-kernel',
    join(images, 'vmlinux'),
    '-initrd',
    join(work, 'initramfs'),
    '-append',
    'quiet',
    '-no-reboot',
  ];
  const started = performance.now();
  const child = spawn(qemu.program, [...machine, ...kernel], { stdio: 'ignore' });
  await new Promise(resolve => child.once('close', resolve));
  const seconds = (performance.now() - started) / 1000;
  await rm(work, { recursive: true });
  return seconds;
}

/** `berth up` with the image present, to the first answered `/_ping`, in seconds. */
async function berthBoot(home: string): Promise<number> {
  const env = { BERTH_HOME: home };
  const berth = join(project, 'bin/berth');
  const started = performance.now();
  const up = spawn(berth, ['up', '--detach', '--no-hello'], { env: { ...process.env, ...env }, stdio: 'ignore' });
  const done = new Promise(resolve => up.once('close', resolve));
  const answered = succeed(process.execPath, ['-e', pingUntilAnswered, join(home, 'docker.sock')], {
    timeoutMs: 180_000,
  });
  await answered;
  const seconds = (performance.now() - started) / 1000;
  await done;
  await succeed(berth, ['down'], { env, timeoutMs: 120_000 });
  return seconds;
}

const pingUntilAnswered = `
  const http = require('node:http');
  const ask = () => {
    const again = () => setTimeout(ask, 5);
    const r = http.get({ socketPath: process.argv[1], path: '/_ping', timeout: 1000 }, m => m.statusCode === 200 ? process.exit(0) : again());
    r.on('timeout', () => r.destroy(new Error('no answer')));
    r.on('error', again);
  };
  ask();`;

/** Takes away what is kept of earlier boots: the next one is as the first after an installation or an upgrade. */
async function forgetKept(home: string): Promise<void> {
  const machine = join(home, 'machine');
  const kept = (await readdir(machine)).filter(name => name.startsWith('sleeping-'));
  await Promise.all(kept.map(name => rm(join(machine, name))));
}

/** The machine from \`berth up\` to its first answer, as a multiple of a bare boot with the same kernel and accelerator. */
export async function benchMachine(rounds: number): Promise<Row[]> {
  const home = await mkdtemp(join(tmpdir(), 'berth-bench-'));
  try {
    const env = { BERTH_HOME: home };
    await succeed(join(project, 'bin/berth'), ['image', 'build'], { env, timeoutMs: 600_000 });
    await berthBoot(home); // makes the data disk and remembers the accelerator's verdict
    const verdict = JSON.parse(await readFile(join(home, 'machine/accelerator.json'), 'utf8')) as Verdict;
    const { accelerator } = verdict;
    const bare: number[] = [];
    const ours: number[] = [];
    const first: number[] = [];
    for (let round = 0; round < rounds; round++) {
      bare.push(await bareBoot(join(home, 'images/amd64'), verdict));
      ours.push(await berthBoot(home));
      if (round % firstBootEvery !== 0) continue;
      await forgetKept(home);
      first.push(await berthBoot(home));
    }
    const each = `of ${median(bare).toFixed(1)} s (${accelerator})`;
    return [
      limited(`\`berth up\` to the first answered ping, in bare boots ${each}`, '×', median(ours) / median(bare), 2.5),
      {
        what: `the same without a kept boot: the first after an installation or an upgrade, in bare boots ${each}`,
        unit: '×',
        ours: median(first) / median(bare),
        aim: 'shown',
        reached: true,
      },
    ];
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
