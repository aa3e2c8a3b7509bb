import type { ContainerId, ExecId } from '../../contracts/brand.ts';
import type { RuntimeProcess, RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';

/** The overlay that becomes a container's root: the top layer first. Mounted by the child, in its own namespace only. */
export interface RootfsMount {
  lowerdirs: string[];
  upperdir: string;
  workdir: string;
  readonly?: boolean;
  /** Further options of overlayfs, `key` or `key=value`, each one string for fsconfig(2). */
  options?: string[];
}

/** Where the three standard streams come from: FIFO paths (null is `/dev/null`), or a new terminal. */
export type StdioSpec =
  | { terminal: false; stdin: string | null; stdout: string | null; stderr: string | null }
  | { terminal: true; size?: { rows: number; columns: number } };

/** How a process gets into its cgroup: by writing to each `tasks` file (v1), or by being born there (v2). */
export type CgroupJoin = { version: 1; tasks: string[] } | { version: 2; directory: string };

/** A directory of the host that is the container's root as it is. */
export interface RootfsDirectory {
  directory: string;
}

/** What an OCI runtime does between making a container and starting it. */
export interface Lifecycle {
  /** A FIFO behind which the process waits for one byte; without one it starts at once. */
  gate?: string;
  /** What hooks read; the specification's state document. */
  state: object;
}

export interface LaunchRequest {
  id: ContainerId;
  spec: RuntimeSpec;
  rootfs: RootfsMount | RootfsDirectory;
  /** Needed by a specification with hooks. */
  lifecycle?: Lifecycle;
  stdio: StdioSpec;
  cgroup: CgroupJoin;
  /** An array of `struct sock_filter`. */
  seccompFilter?: Buffer;
  /** Program on this machine that becomes PID 1 and starts the container's command (`docker run --init`). */
  init?: string;
  /** A folder with what {@link Runtime.checkpoint} has written: it goes on from there, instead of beginning. */
  checkpoint?: string;
  /** Tests only: the step of the plan that must fail. */
  failAtStep?: number;
}

export interface ExecRequest {
  id: ExecId;
  container: ContainerId;
  /** For messages; the keeper goes by its own pidfd of `container`. */
  containerPid: number;
  /** For a container with a user namespace: the number outside of its root. */
  userNamespaceRoot?: number;
  process: RuntimeProcess;
  stdio: StdioSpec;
  cgroup: CgroupJoin;
  seccompFilter?: Buffer;
  failAtStep?: number;
}

/** A running container to be written down. */
export interface CheckpointRequest {
  pid: number;
  /** As it was launched. */
  spec: RuntimeSpec;
  stdio: Extract<StdioSpec, { terminal: false }>;
  /** All that are in it. */
  processes: readonly number[];
  cgroup: CgroupJoin;
  /** A folder of its own. */
  directory: string;
  leaveRunning: boolean;
}

export interface ExitStatus {
  /** 0–255; 128 + signal when a signal ended it. */
  exitCode: number;
  signal?: number;
  oomKilled?: boolean;
  finishedAt: Date;
  /** Why the exit code is not the program's own: the keeper died and the kernel does not tell. */
  cause?: string;
}

export interface RunningProcess {
  readonly id: string;
  readonly pid: number;
  readonly startedAt: Date;
  readonly exited: Promise<ExitStatus>;
  /** It has not ended: its number is still its own. */
  readonly alive: boolean;
  /** Through a pidfd: never to another process; nothing happens when it is gone. */
  signal(signal: number): void;
  /** The terminal's master as a descriptor of this process, which the caller closes. @throws Error without a terminal */
  openTerminal(): number;
  resize(rows: number, columns: number): void;
  /** Ends standard input once every other writer has closed it as well. */
  closeStdin(): void;
}

export interface Runtime {
  /**
   * This launch is near: the keeper's waiting child begins with its root while the caller still writes and thinks. A launch
   * that does not come about is to be forgotten.
   */
  expectLaunch(launch: Pick<LaunchRequest, 'id' | 'rootfs'>): void;
  /** @throws LaunchError; unavailable when the keeper's canary says that this Node cannot be forked */
  launch(request: LaunchRequest): Promise<RunningProcess>;
  /** @throws LaunchError, unavailable */
  exec(request: ExecRequest): Promise<RunningProcess>;
  /** @throws EngineError: not-implemented without CRIU, internal with its reason */
  checkpoint(request: CheckpointRequest): Promise<void>;
  /** What the keeper still holds from a former engine: running, or exited and not yet forgotten. */
  reattach(): Promise<RunningProcess[]>;
  /**
   * The exit has been recorded durably: the keeper may let go of its code, terminal and FIFOs. Any number of times. The
   * kernel takes its mounts down in its own time; the next launch of `id` waits for that.
   */
  forget(id: string): void;
  /** `keeperLostAt`: when the last keeper died that should not have. */
  status(): Promise<{ keeperPid: number; canary: 'ok' | string; keeperLostAt?: Date }>;
  /** With `stopKeeper`, what still runs is killed first. */
  close(options: { stopKeeper: boolean }): Promise<void>;
}

/** A process that could not be started; nothing of it is left. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
  /** The operation that failed, as it is named in the plan: `mount`, `execve`. */
  readonly step: string;
  /** The errno's name: `ENOENT`. */
  readonly code: string;
  /** What it was about: a path, a namespace, a program. */
  readonly subject: string;

  constructor(step: string, code: string, subject: string, detail = '') {
    super(`${step} ${subject}: ${code}${detail ? ` (${detail})` : ''}`);
    this.step = step;
    this.code = code;
    this.subject = subject;
  }
}
