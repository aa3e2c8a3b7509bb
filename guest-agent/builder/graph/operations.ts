/*
 * BuildKit's operations as they are read from a graph (moby/buildkit, solver/pb/ops.proto): numbers of inputs count in the
 * operation's own list, -1 is an empty root, or nobody who wants the output.
 */

/** One of an operation's outputs. */
export interface Edge {
  /** Of the operation. */
  digest: string;
  index: number;
}

export interface Operation {
  inputs: readonly Edge[];
  exec: ExecOperation | null;
  source: SourceOperation | null;
  file: FileOperation | null;
  build: object | null;
  merge: { inputs: readonly { input: number }[] } | null;
  diff: { lower: { input: number } | null; upper: { input: number } | null } | null;
  platform: PlatformMessage | null;
}

export interface PlatformMessage {
  Architecture: string;
  OS: string;
  Variant: string;
}

/** `linux/arm64`; undefined where none is asked for. */
export function platformText(platform: PlatformMessage | null): string | undefined {
  const { OS, Architecture, Variant } = platform ?? {};
  return Architecture ? [OS, Architecture, Variant].filter(Boolean).join('/') : undefined;
}

export interface SourceOperation {
  /** `docker-image://…`, `local://…` */
  identifier: string;
  attrs: Readonly<Record<string, string>>;
}

export interface ExecOperation {
  meta: ExecMeta | null;
  mounts: readonly ExecMount[];
  network: number;
  security: number;
  secretenv: readonly { ID: string; name: string; optional: boolean }[];
  cdiDevices: readonly object[];
}

export interface ExecMeta {
  args: readonly string[];
  env: readonly string[];
  cwd: string;
  user: string;
  proxy_env: Readonly<Record<string, string>> | null;
  extraHosts: readonly { Host: string; IP: string }[];
  hostname: string;
  ulimit: readonly { Name: string; Soft: number; Hard: number }[];
  cgroupParent: string;
  /** Directories above the places of mounts go too, unless there is something in them. */
  removeMountStubsRecursive: boolean;
  /** Nothing: 0 alone. */
  validExitCodes: readonly number[];
}

export const networks = { sandbox: 0, host: 1, none: 2 } as const;
export const securities = { sandbox: 0, insecure: 1 } as const;
export const mountTypes = { bind: 0, secret: 1, ssh: 2, cache: 3, tmpfs: 4 } as const;

interface SecretSettings {
  ID: string;
  uid: number;
  gid: number;
  mode: number;
  optional: boolean;
}

export interface ExecMount {
  input: number;
  /** A path inside the input. */
  selector: string;
  dest: string;
  output: number;
  readonly: boolean;
  mountType: number;
  TmpfsOpt: { size: number } | null;
  cacheOpt: { ID: string; sharing: number } | null;
  secretOpt: SecretSettings | null;
  SSHOpt: SecretSettings | null;
}

export interface FileOperation {
  actions: readonly FileAction[];
}

/** Inputs that are not the operation's are earlier actions. */
export interface FileAction {
  input: number;
  secondaryInput: number;
  output: number;
  copy: CopyAction | null;
  mkfile: MakeFileAction | null;
  mkdir: MakeDirectoryAction | null;
  rm: RemoveAction | null;
  symlink: LinkAction | null;
}

export interface FileOwner {
  user: Owner | null;
  group: Owner | null;
}

interface Owner {
  byName: { name: string; input: number } | null;
  byID: number;
}

/** Times are in nanoseconds; -1 is none. */
export interface CopyAction {
  src: string;
  dest: string;
  owner: FileOwner | null;
  /** -1: as it is. */
  mode: number;
  followSymlink: boolean;
  dirCopyContents: boolean;
  attemptUnpackDockerCompatibility: boolean;
  createDestPath: boolean;
  allowWildcard: boolean;
  allowEmptyWildcard: boolean;
  timestamp: number;
  include_patterns: readonly string[];
  exclude_patterns: readonly string[];
  /** `u+x`; wins over `mode`. */
  modeStr: string;
}

export interface MakeFileAction {
  path: string;
  mode: number;
  data: Uint8Array;
  owner: FileOwner | null;
  timestamp: number;
}

export interface MakeDirectoryAction {
  path: string;
  mode: number;
  makeParents: boolean;
  owner: FileOwner | null;
  timestamp: number;
}

export interface RemoveAction {
  path: string;
  allowNotFound: boolean;
  allowWildcard: boolean;
}

export interface LinkAction {
  oldpath: string;
  newpath: string;
  owner: FileOwner | null;
  timestamp: number;
}
