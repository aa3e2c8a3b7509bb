import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  read,
  readSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createLog } from '../../../base/log.ts';
import type { ContainerId, ExecId } from '../../../contracts/brand.ts';
import type { RuntimeSpec } from '../../../contracts/oci/runtime-spec.ts';
import {
  type ExecRequest,
  type ExitStatus,
  keeperProgram,
  type LaunchRequest,
  openRuntime,
  type RootfsMount,
  type RunningProcess,
  type Runtime,
} from '../../../guest-agent/runtime/index.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import { eventually } from '../../support/eventually.ts';
import { skipping } from '../../support/skip.ts';

const readAsync = promisify(read);
const busybox = '/bin/busybox';

/** Why these tests cannot run here, which is printed, or undefined. */
export const whyNot = (): string | undefined => skipping(findReason());

function findReason(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(busybox)) return `needs a static ${busybox}`;
  return undefined;
}

export const defaultCapabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** A spec as the engine would write it for `docker run --network none`. */
export function spec(args: string[], change: (spec: RuntimeSpec) => void = () => undefined): RuntimeSpec {
  const sets = defaultCapabilities;
  const made: RuntimeSpec = {
    ociVersion: '1.2.0',
    process: {
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/usr/bin:/bin'],
      cwd: '/',
      capabilities: { bounding: sets, permitted: sets, effective: sets },
    },
    root: { path: '/' },
    hostname: 'box',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
      },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', 'nosuid', 'noexec', 'nodev'] },
      { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
      {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=67108864'],
      },
    ],
    linux: {
      namespaces: (['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'] as const).map(type => ({ type })),
      maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/acpi', '/sys/firmware', '/proc/not-there'],
      readonlyPaths: ['/proc/bus', '/proc/sys', '/proc/sysrq-trigger'],
    },
  };
  change(made);
  return made;
}

export interface Finished extends ExitStatus {
  output: string;
}

type OverlayRequest = LaunchRequest & { rootfs: RootfsMount };

/** A runtime with a keeper of its own and a tiny image, all below one temporary directory. */
export class Workshop {
  readonly directory = mkdtempSync(join(tmpdir(), 'runtime-'));
  readonly execRoot = join(this.directory, 'exec');
  readonly lower = join(this.directory, 'lower');
  runtime: Runtime;
  #count = 0;

  private constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  static async open(): Promise<Workshop> {
    await buildPrograms('dist', ['keeper']);
    const workshop = new Workshop(undefined as unknown as Runtime);
    makeImage(workshop.lower);
    workshop.runtime = await workshop.openRuntime();
    return workshop;
  }

  openRuntime(change: { execRoot?: string; keeper?: string[] } = {}): Promise<Runtime> {
    const log = createLog({ level: 'error' });
    const { execRoot = this.execRoot, keeper = keeperProgram('dist/keeper.cjs') } = change;
    return openRuntime({ execRoot, keeperProgram: keeper.map(absolute), log });
  }

  request(made: RuntimeSpec, change: Partial<OverlayRequest> = {}): OverlayRequest {
    const id = `${(++this.#count).toString(16).padStart(4, '0')}${'a'.repeat(60)}` as ContainerId;
    const layer = join(this.directory, id);
    for (const name of ['upper', 'work']) mkdirSync(join(layer, name), { recursive: true });
    const out = this.fifo(id, 'out');
    return {
      id,
      spec: made,
      rootfs: { lowerdirs: [this.lower], upperdir: join(layer, 'upper'), workdir: join(layer, 'work') },
      stdio: { terminal: false, stdin: null, stdout: out, stderr: out },
      cgroup: { version: 1, tasks: [] },
      ...change,
    };
  }

  execRequest(
    container: RunningProcess,
    process: RuntimeSpec['process'],
    change: Partial<ExecRequest> = {},
  ): ExecRequest {
    const id = `${(++this.#count).toString(16).padStart(4, '0')}${'e'.repeat(60)}` as ExecId;
    const out = this.fifo(id, 'out');
    return {
      id,
      container: container.id as ContainerId,
      containerPid: container.pid,
      process,
      stdio: { terminal: false, stdin: null, stdout: out, stderr: out },
      cgroup: { version: 1, tasks: [] },
      ...change,
    };
  }

  fifo(id: string, name: string): string {
    const path = join(this.directory, `${id}.${name}`);
    execFileSync('mkfifo', ['-m', '666', path]);
    return path;
  }

  /** Runs to the end and gives what was written to both outputs. */
  async run(made: RuntimeSpec, change: Partial<OverlayRequest> = {}): Promise<Finished> {
    const request = this.request(made, change);
    return this.finish(request, () => this.runtime.launch(request));
  }

  async runExec(
    container: RunningProcess,
    process: RuntimeSpec['process'],
    change: Partial<ExecRequest> = {},
  ): Promise<Finished> {
    const request = this.execRequest(container, process, change);
    return this.finish(request, () => this.runtime.exec(request));
  }

  async finish(request: LaunchRequest | ExecRequest, start: () => Promise<RunningProcess>): Promise<Finished> {
    const { stdio } = request;
    const path = stdio.terminal ? null : stdio.stdout;
    const reader = path ? openSync(path, constants.O_RDONLY | constants.O_NONBLOCK) : -1;
    try {
      const running = await start();
      const status = await running.exited;
      this.runtime.forget(request.id);
      return { ...status, output: reader === -1 ? '' : readAvailable(reader) };
    } finally {
      if (reader !== -1) closeSync(reader);
    }
  }

  /** Resolves when the keeper has done all that it was asked to before. */
  async keeperDone(): Promise<void> {
    await this.runtime.reattach();
  }

  async close(): Promise<void> {
    const { keeperPid } = await this.runtime.status();
    await this.runtime.close({ stopKeeper: true });
    await eventually('the keeper has ended', () => !existsSync(`/proc/${keeperPid}`));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const absolute = (argument: string): string =>
  argument.startsWith('dist/') ? join(process.cwd(), argument) : argument;

export function readAvailable(fd: number): string {
  const chunks: Buffer[] = [];
  for (;;) {
    const buffer = Buffer.alloc(65536);
    try {
      const length = readSync(fd, buffer);
      if (length === 0) break;
      chunks.push(buffer.subarray(0, length));
    } catch {
      break; // nothing more for now
    }
  }
  return Buffer.concat(chunks).toString();
}

/** Waits until a terminal shows `text`; gives everything that it has shown since it was last read. */
export async function shows(master: number, text: string): Promise<string> {
  const buffer = Buffer.alloc(4096);
  let shown = '';
  while (!shown.includes(text)) {
    const { bytesRead } = await readAsync(master, buffer, 0, buffer.length, null);
    shown += buffer.toString('utf8', 0, bytesRead);
  }
  return shown;
}

function makeImage(root: string): void {
  for (const folder of ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev']) mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(busybox, join(root, 'bin/busybox'));
  const applets =
    'sh echo cat ls true false id hostname mount sleep ps env kill touch stat readlink head grep stty tty mkdir wc dd test pwd seq umask nproc'.split(
      ' ',
    );
  for (const name of applets) symlinkSync('busybox', join(root, 'bin', name));
  copyFileSync(join(root, 'bin/busybox'), join(root, 'etc/no-program'), constants.COPYFILE_EXCL);
  execFileSync('chmod', ['644', join(root, 'etc/no-program')]);
}
