import { MS_REC, MS_SLAVE } from '../syscalls/mount-flags.ts';
import type { namespaceFlags } from '../syscalls/namespace-flags.ts';

/**
 * What engine and keeper say to each other: one JSON document a line over a unix socket. Requests carry a number that
 * their reply repeats, those without one get none; exits come unasked, to every connection. A newer keeper may know more; it never knows less.
 */
export const protocolVersion = 3;

/** Inside a JSON text a tab stands for itself nowhere else: steps can be told apart, and known ones be left out, unread. */
export const stepSeparator = ',\t';

/** The first number of what the step `offer` opens. */
export const firstOffered = 200;

/** What the forked child does, in order, until the last step makes it another program. Plain data, made by `runtime`. */
export type LaunchStep =
  | { op: 'stdio'; stdin: string | null; stdout: string | null; stderr: string | null; uid: number }
  | { op: 'joinCgroup'; tasks: string[] }
  | { op: 'oomScore'; value: number }
  | { op: 'enterNamespace'; type: keyof typeof namespaceFlags; path: string }
  /** Joins namespaces (`CLONE_NEW…` bits) of the container that the request names. */
  | { op: 'enterContainer'; flags: number }
  /** Goes on as a new child of the keeper, born in the PID namespace that was joined. */
  | { op: 'rebirth' }
  | { op: 'unshare'; flags: number }
  /** With the container's session keyring, which its first process makes. */
  | { op: 'newSession'; keyring: string; first: boolean }
  /** Makes one with these maps (`inside outside count` a line), or takes another's; what follows prepares for it, then it is entered. */
  | { op: 'userNamespace'; uidMap: string; gidMap: string; path?: string }
  | PrepareForUserStep
  /** Becomes root of the user namespace. */
  | { op: 'enterUser' }
  | { op: 'loopbackUp' }
  | { op: 'hostname'; name: string }
  | { op: 'domainname'; name: string }
  /** Copies of mounts that stay in their peer groups, to be bound later; before the propagation is changed. */
  | { op: 'hold'; mounts: { source: string; target: string; recursive: boolean }[] }
  | { op: 'propagation'; flags: number }
  | RootStep
  | MountStep
  | BindStep
  /** A terminal of the container's own devpts, on `console` as well; its master goes to the keeper. */
  | { op: 'terminal'; rows: number; columns: number; uid: number; console: string | null }
  /** Changes `MOUNT_ATTR_*` bits of what is mounted on `target`. */
  | { op: 'remount'; target: string; set: number; clear?: number; recursive?: boolean }
  | { op: 'device'; path: string; mode: number; major: number; minor: number; uid: number; gid: number }
  | { op: 'symlink'; path: string; target: string }
  | { op: 'sysctls'; values: Record<string, string> }
  | { op: 'mask'; path: string }
  | { op: 'readonlyPath'; path: string }
  | { op: 'makeDirectory'; path: string }
  /** A directory of the host as the root, put on `target` of the child's own mount namespace. */
  | { op: 'bindRoot'; source: string; target: string }
  /** Says so and waits until somebody outside has done what is to be done there. */
  | { op: 'pause'; reason: string }
  | HooksStep
  /** The FIFO behind which the child will wait; while the host's files can be seen. */
  | { op: 'openGate'; path: string }
  /** Says that all is ready and waits for one byte in the FIFO; a `program` that is not there is told before. */
  | { op: 'awaitStart'; program: string; env: string[] }
  | { op: 'readonlyRoot' }
  /** The root alone once more, on another directory of the child's own mount namespace. */
  | { op: 'copyRoot'; source: string; target: string }
  /** Opens files (null: a null device) as the descriptors from {@link firstOffered} on, which the program inherits. */
  | { op: 'offer'; files: { path: string | null; mode: 'r' | 'w' }[] }
  | { op: 'pivot'; propagation: number }
  | { op: 'apparmor'; profile: string }
  | { op: 'limits'; limits: { name: string; resource: number; soft: number; hard: number }[] }
  | { op: 'user'; uid: number; gid: number; groups: number[]; umask: number; bounding: string[]; cwd: string }
  | ExecveStep;

/** Mounts of the host still arrive while the container is set up; nothing of it goes back. */
export const propagationStep: LaunchStep = { op: 'propagation', flags: MS_SLAVE | MS_REC };

/** An overlay as a detached mount, put on `target` of the child's own mount namespace. */
export interface RootStep {
  op: 'root';
  target: string;
  lowerdirs: string[];
  upperdir: string;
  workdir: string;
  options: string[];
}

/** A new file system of the kernel's. */
export interface MountStep {
  op: 'mount';
  type: string;
  source: string;
  target: string;
  options: string[];
  attributes: number;
  propagation?: number;
  /** Directories to be bound directly below a new tmpfs, which is empty: nothing has to be looked up there. */
  binds?: BindStep[];
}

/** Programs to be run one after the other where the child is now, each with `state` as its standard input. */
export interface HooksStep {
  op: 'hooks';
  name: string;
  hooks: { path: string; args?: string[]; env?: string[]; timeout?: number }[];
  state: object;
}

/** What the steps of these names will need that root in the user namespace may not make. */
export interface PrepareForUserStep {
  op: 'prepareForUser';
  root: Extract<LaunchStep, { op: 'root' } | { op: 'bindRoot' }>;
  binds: BindStep[];
  /** Targets of `binds` whose files belong to the namespace's users as those on the disk do to the machine's. */
  mapped: string[];
  devices: Extract<LaunchStep, { op: 'device' }>[];
  filesystems: MountStep[];
  /** The namespace's root, outside. */
  rootUid: number;
  rootGid: number;
}

export interface BindStep {
  op: 'bind';
  source: string;
  /** In place of `source`, one of them, all of these as one tree that is only read. Top first. */
  layers?: string[];
  /** Below the source, whose links do not lead out of it. */
  inside?: string;
  /** The mount namespace in which the source stands, as a path. */
  namespace?: string;
  target: string;
  recursive: boolean;
  /** `MOUNT_ATTR_*` bits. */
  set: number;
  clear: number;
  /** The bits go for the mounts below as well. */
  setRecursive: boolean;
  /** `MS_PRIVATE` and its kin, with `MS_REC`. */
  propagation: number;
}

export interface ExecveStep {
  op: 'execve';
  args: string[];
  env: string[];
  capabilities: { effective: string[]; permitted: string[]; inheritable: string[]; ambient: string[] };
  noNewPrivileges: boolean;
  /** The filter beside the steps is loaded. */
  filtered: boolean;
}

/** What the child may need before it reads its plan. The plan itself is a file that only the child opens. */
export interface StartMessage {
  op: 'start';
  id: string;
  /**
   * Path of a file: a JSON array of {@link LaunchStep} in one line, with {@link stepSeparator} between them, then the bytes
   * of a `struct sock_filter[]`, if any.
   */
  plan: string;
  /** `CLONE_NEW…` bits. */
  cloneFlags: number;
  /** A cgroup v2 directory to be born in. */
  cgroup?: string;
  /** The container that an exec joins. */
  container?: string;
  /** A PID namespace to be born in. */
  pidNamespace?: string;
  /** FIFOs that the keeper holds open, so that an engine that dies ends no stream. */
  hold: { write: string | null; read: string[] };
  /** How many descriptors from the fourth on the program inherits. */
  inherited?: number;
  /**
   * A file in which the program, when it ends well, has left the pid of another child of the keeper, made in its name:
   * that one takes its place. Only then is the start answered.
   */
  successor?: string;
  /** Tests only. */
  failAtStep?: number;
}

export type KeeperRequest =
  | { op: 'hello' }
  /** Answered once the keeper has tried whether it can be forked. */
  | { op: 'canary' }
  | StartMessage
  | { op: 'signal'; id: string; signal: number }
  | { op: 'list' }
  /** The start of `id`, which will have this root. Whoever does not start it after all forgets it. */
  | { op: 'expect'; id: string; root: RootStep }
  /** A container whose keeper died: it is nobody's child, but can be entered again. */
  | { op: 'adopt'; id: string; pid: number; startedAt: number }
  | { op: 'forget'; id: string }
  | { op: 'closeStdin'; id: string }
  | { op: 'resize'; id: string; rows: number; columns: number }
  /** Kills everything, reaps it and ends. */
  | { op: 'stop' };

/** Descriptors are numbers in the keeper, to be duplicated with pidfd_getfd(2). */
export interface HeldProcess {
  id: string;
  /** The container of an exec. */
  container?: string;
  pid: number;
  pidfd: number;
  terminal?: number;
  /** Not a child of this keeper, so nobody will tell its exit. */
  adopted?: boolean;
  /** Milliseconds since 1970. */
  startedAt: number;
  exit?: HeldExit;
}

export interface HeldExit {
  exitCode: number;
  signal?: number;
  finishedAt: number;
  /** Descriptors as above: what goes with the last of them takes its time. Older keepers hold none. */
  namespaces?: number[];
}

export interface LaunchFailure {
  step: string;
  /** The errno's name. */
  code: string;
  subject: string;
  detail: string;
}

export interface KeeperReply {
  reply: number;
  /** Present when it failed. */
  error?: LaunchFailure;
  hello?: { version: number; pid: number };
  /** `ok`, or what is wrong with forks here. */
  canary?: string;
  started?: HeldProcess;
  warnings?: string[];
  list?: HeldProcess[];
}

export type KeeperEvent = { event: 'exit'; id: string } & HeldExit;
export type KeeperMessage = KeeperReply | KeeperEvent;

/** A request as it travels; without a number it is not answered. */
export type SentRequest = KeeperRequest & { request?: number };

/** What the child says over its socket, one JSON document a line; then the end of the stream when execve succeeded. */
export type ChildReport =
  | { failure: LaunchFailure }
  /** Written when nothing may be allocated any more: three digits. */
  | { failedErrno: string; step: string; subject: string }
  | { warning: string }
  /** A sibling with this pid goes on in its place, once it has read one byte. */
  | { reborn: number }
  /** The child waits for one byte after these. */
  | { terminal: number }
  | { paused: string }
  /** Behind its gate. */
  | { created: true }
  | { ready: true };

/** What a child that waits for its order says before: who it is. It may be a sibling of the one that was forked. */
export interface WaitingReport {
  waiting: number;
}
