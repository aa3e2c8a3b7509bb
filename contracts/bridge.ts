import { anything, type Decoded, type Decoder, integer, list, text } from './decode.ts';
import { invalidArgument } from './errors.ts';

/**
 * What the window (a browser on `berth dashboard`, or Electron's) may ask of Berth: calls, which are answered once, and
 * streams, which go on and may take input. Every request is decoded by the side that serves it. How they travel is in
 * `bridge-frames.ts`; what of the engine may be asked is in `bridge-routes.ts`.
 */
type Shape = Record<string, Decoder<unknown>>;
type Document<S extends Shape> = { [Key in keyof S]: Decoded<S[Key]> };

/** A document of exactly these fields. @throws invalid-argument naming the field that is missing, unknown or wrong */
function exactly<S extends Shape>(shape: S): Decoder<Document<S>> {
  return (value, at) => {
    if (typeof value !== 'object' || value === null) throw invalidArgument(`${at || 'the request'} must be a document`);
    const given = value as Record<string, unknown>;
    const stray = Object.keys(given).find(key => !Object.hasOwn(shape, key));
    if (stray !== undefined) throw invalidArgument(`${at} knows no ${stray}`);
    return Object.fromEntries(
      Object.entries(shape).map(([key, decode]) => [key, decode(given[key], `${at}.${key}`)]),
    ) as Document<S>;
  };
}

const optional =
  <T>(decode: Decoder<T>): Decoder<T | undefined> =>
  (value, at) =>
    value === undefined || value === null ? undefined : decode(value, at);

/** Null is told apart from what was not given. */
const orNull =
  <T>(decode: Decoder<T>): Decoder<T | null | undefined> =>
  (value, at) =>
    value === undefined || value === null ? value : decode(value, at);

/** Between two whole numbers, both included. */
const within =
  (least: number, most: number): Decoder<number> =>
  (value, at) => {
    const given = integer(value, at);
    if (given < least || given > most) throw invalidArgument(`${at} must be from ${least} to ${most}, not ${given}`);
    return given;
  };

/** A text of `pattern`, of at most so many characters. */
const matching =
  (pattern: RegExp, what: string, most: number): Decoder<string> =>
  (value, at) => {
    const given = text(value, at);
    if (given.length > most || !pattern.test(given)) throw invalidArgument(`${at} is not ${what}`);
    return given;
  };

/** One of `words`. */
const oneOf =
  <const Words extends readonly string[]>(words: Words): Decoder<Words[number]> =>
  (value, at) => {
    const found = words.find(word => word === value);
    if (found === undefined) throw invalidArgument(`${at} must be one of ${words.join(', ')}`);
    return found;
  };

const yesOrNo: Decoder<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw invalidArgument(`${at} must be true or false`);
  return value;
};

/** An absolute path, of Windows or of the others, that ends as a compose file does. */
const composePath = matching(
  /^(?:\/|[A-Za-z]:[\\/])[^\0\n]*\.ya?ml$/i,
  'the path of a compose file (.yaml, .yml)',
  4096,
);
const folderPath = matching(/^(?:(?:\/|[A-Za-z]:[\\/])[^\0\n]*)?$/, 'the path of a folder', 4096);
const projectName = matching(/^[a-z0-9][a-z0-9_-]*$/, 'the name of a compose project', 128);
const backupFolder = matching(/^(?:\/|[A-Za-z]:[\\/])[^\0\n]*$/, 'the path of a folder', 4096);
const backupFile = matching(/^[a-zA-Z0-9][\w.-]*\.tar\.zst$/, 'the name of a backup', 300);
const volumeName = matching(/^[a-zA-Z0-9][\w.-]*$/, 'the name of a volume', 255);
const registry = matching(
  /^(?:https:\/\/)?[A-Za-z0-9][\w.-]*(?::\d{1,5})?(?:\/[\w./-]*)?$/,
  'the name of a registry',
  256,
);
/** No larger text is taken for a compose file, in characters. */
const mostComposeText = 1 << 20;
const composeText = matching(/^/, 'a text of at most 1 MiB', mostComposeText);

const none = exactly({});
const size = { rows: within(1, 1000), columns: within(1, 1000) };

/** What answers, by call. */
export interface BridgeReplies {
  about: AboutDocument;
  doctor: FindingDocument[];
  hostLog: { text: string };
  settings: SettingsView;
  changeSettings: SettingsView;
  composeFile: { text: string };
  saveComposeFile: Record<never, never>;
  checkCompose: ComposeCheck;
  engines: { engines: EngineDocument[] };
  chooseEngine: Record<never, never>;
  changeDesktop: Record<never, never>;
  backups: { plans: BackupPlan[] };
  keepBackup: Record<never, never>;
  dropBackup: Record<never, never>;
  backUpNow: { file: string };
  backupFiles: { files: BackupFileDocument[] };
  logIns: { logIns: LogInDocument[] };
  logIn: Record<never, never>;
  logOut: Record<never, never>;
}

/** Requests of the calls. */
export const bridgeCalls = {
  about: none,
  doctor: none,
  /** The last lines of the host program's log. */
  hostLog: exactly({ lines: within(1, 10_000) }),
  settings: none,
  /** Only what is named changes; null puts a setting back to its default. */
  changeSettings: exactly({
    cpus: orNull(within(1, 64)),
    memoryMiB: orNull(within(512, 1_048_576)),
    diskGiB: orNull(within(4, 16_384)),
  }),
  /** Berth's own engine and those of Docker's contexts. */
  engines: none,
  /** The engine that windows show from now on; the empty name is Berth's own. */
  chooseEngine: exactly({ name: matching(/^[\w.+-]*$/, 'the name of a docker context', 128) }),
  /** Of the desktop program; a browser has none. */
  changeDesktop: exactly({
    startsAtLogin: optional(yesOrNo),
    notifications: optional(yesOrNo),
    looksForUpdates: optional(yesOrNo),
    language: optional(oneOf(['en', 'de'])),
    update: optional(oneOf(['check', 'download', 'install'])),
  }),
  /** Volumes that are backed up on a schedule, by whoever hosts the engine. */
  backups: none,
  keepBackup: exactly({ volume: volumeName, folder: backupFolder, everyHours: within(1, 8760), keep: within(1, 1000) }),
  dropBackup: exactly({ volume: volumeName }),
  backUpNow: exactly({ volume: volumeName }),
  /** The backups that are there, the newest first. */
  backupFiles: exactly({ volume: volumeName }),
  /** Registries that the `docker` command of this computer is logged in to. */
  logIns: none,
  logIn: exactly({
    registry,
    user: matching(/^[^-\s][^\0\r\n]*$/, 'a name', 256),
    secret: matching(/^[^\0\r\n]+$/, 'a password', 8192),
  }),
  logOut: exactly({ registry }),
  composeFile: exactly({ path: composePath }),
  saveComposeFile: exactly({ path: composePath, text: composeText }),
  /** Whether `docker compose` takes it, and what it calls the project. */
  checkCompose: exactly({ path: composePath, text: composeText }),
} satisfies { [Name in keyof BridgeReplies]: Decoder<unknown> };

export type BridgeCall = keyof BridgeReplies;
export type CallRequest<Name extends BridgeCall> = Decoded<(typeof bridgeCalls)[Name]>;

/** What of `docker compose` may be asked; `remove` is `down` with the project's volumes. */
export const composeActions = ['up', 'pull', 'build', 'start', 'stop', 'restart', 'down', 'remove'] as const;
export type ComposeAction = (typeof composeActions)[number];

/** What of `berth` the window may have done: its life, its image, and a docker context of its engine. */
export const berthActions = [
  ...(['start', 'startNative', 'stop', 'restart', 'restartNative', 'buildImage', 'context', 'reset'] as const),
] as const;
export type BerthAction = (typeof berthActions)[number];

/** Requests that open streams. */
export const bridgeStreams = {
  /** One request of the Docker API: an {@link EngineHead}, then bytes. Bytes may be sent as its body. */
  engine: exactly({ method: text, path: text, body: optional(anything), upload: optional(text) }),
  /** A program in a container on a terminal: bytes both ways, `{rows, columns}` in, {@link TerminalEnd} last. */
  terminal: exactly({ container: text, command: list(text), user: optional(text), ...size }),
  /** A {@link StatsReading} a second while the container runs. */
  stats: exactly({ container: text }),
  /** `docker compose` on the host: what it says as bytes; it ends with an error when the command fails. */
  compose: exactly({
    action: oneOf(composeActions),
    project: projectName,
    files: list(composePath),
    folder: folderPath,
  }),
  /** A command of Berth's own: what it says as bytes; it ends with an error when the command fails. */
  berth: exactly({ action: oneOf(berthActions) }),
  /**
   * Puts a backup into its volume, on request after another backup of what is in it now: {@link RestoreProgress}. Containers
   * that run with it stop meanwhile. Who goes away cancels it, and the volume is as it was.
   */
  restoreBackup: exactly({ volume: volumeName, file: backupFile, saveFirst: yesOrNo }),
  /** {@link MachineView}: now, and whenever it changes. */
  machine: none,
  /** `DesktopView`: now, and whenever it changes; nothing in a browser. */
  desktop: none,
};

export type BridgeStream = keyof typeof bridgeStreams;
export type StreamRequest<Name extends BridgeStream> = Decoded<(typeof bridgeStreams)[Name]>;

/** What a terminal takes beside bytes. */
export const terminalInput = exactly(size);

/** An engine that the window can show; the name is its context's, empty for Berth's own. */
export interface EngineDocument {
  name: string;
  /** `unix://…`, `ssh://…`, `tcp://…`, `npipe://…` */
  host: string;
  description: string;
  chosen: boolean;
  /** Why its context cannot be read. */
  problem: string;
}

/** A volume that is backed up again and again, into a folder of the computer that Berth runs on. */
export interface BackupPlan {
  volume: string;
  folder: string;
  everyHours: number;
  /** Older files of it are removed beyond so many. */
  keep: number;
  /** When it was tried last, in milliseconds since 1970. */
  tried?: number;
  /** Why that failed; empty when it did not. */
  problem: string;
}

/** A backup of a volume. */
export interface BackupFileDocument {
  /** Within the folder. */
  name: string;
  /** When it was made, in milliseconds since 1970. */
  time: number;
  /** Compressed. */
  bytes: number;
}

/** How many bytes of a backup were read, and of how many. */
export interface RestoreProgress {
  bytes: number;
  total: number;
}

/** A registry, and who is logged in to it; the user is empty where only a helper knows. */
export interface LogInDocument {
  registry: string;
  user: string;
}

/** `problem` is empty when all is well. */
export interface ComposeCheck {
  project: string;
  services: string[];
  problem: string;
}

export interface EngineHead {
  status: number;
  contentType: string;
  /** `X-Docker-Container-Path-Stat`, where the engine sends it. */
  pathStat?: string;
}

export interface TerminalEnd {
  exitCode: number | null;
}

/** One reading of a container: percent of one processor, bytes, and bytes since the start. */
export interface StatsReading {
  /** Milliseconds since 1970. */
  time: number;
  cpuPercent: number;
  processors: number;
  memoryBytes: number;
  memoryLimit: number;
  received: number;
  sent: number;
  read: number;
  written: number;
  processes: number;
}

export interface AboutDocument {
  version: string;
  home: string;
  dockerHost: string;
  /** The docker context whose engine is shown; empty for Berth's own. */
  engine: string;
  platform: string;
}

/** Where the engine runs, and how it is. */
export interface MachineView {
  mode: 'machine' | 'native' | null;
  status: 'stopped' | 'starting' | 'running' | 'stopping' | 'failed';
  /** The step of a start, the description of what runs, or why it failed. */
  detail: string;
  since?: string;
  repair?: string;
}

/** What doctor found; see `berth doctor`. */
export interface FindingDocument {
  check: string;
  outcome: 'good' | 'warning' | 'problem' | 'skipped';
  detail: string;
  cause?: string;
  repair?: string;
}

/** The settings of the machine: what is set, and what would be without. */
export interface SettingsView {
  values: { cpus: number; memoryMiB: number; diskGiB: number };
  defaults: { cpus: number; memoryMiB: number; diskGiB: number };
  /** Where they are kept. */
  file: string;
}
