import {
  archivePath,
  boolean,
  booleanOr,
  filters,
  optionalInteger,
  optionalText,
  repeated,
  sizeInteger,
  timestamp,
} from '../decode.ts';
import { bytes, json, lines, nothing, output, promised, route, session } from '../route.ts';
import {
  type ContainerChange,
  type ContainerCreateResponse,
  type ContainerInspect,
  type ContainerPruneReport,
  type ContainerSummary,
  type ContainerTop,
  type ContainerUpdated,
  type ContainerWaitResponse,
  containerCreateBody,
  containerUpdateBody,
} from './containers.ts';
import type { StatsDocument } from './stats.ts';

export const containerList = route('GET', '/containers/json', {
  query: { all: boolean, limit: optionalInteger, size: boolean, filters },
  answer: json<ContainerSummary[]>(),
});

export const containerCreate = route('POST', '/containers/create', {
  query: { name: optionalText, platform: optionalText },
  body: containerCreateBody,
  answer: json<ContainerCreateResponse>(201),
});

export const containerInspect = route('GET', '/containers/{ref}/json', {
  query: { size: boolean },
  answer: json<ContainerInspect>(),
});

export const containerTop = route('GET', '/containers/{ref}/top', {
  query: { ps_args: optionalText },
  answer: json<ContainerTop>(),
});

export const containerLogs = route('GET', '/containers/{ref}/logs', {
  query: {
    follow: boolean,
    stdout: boolean,
    stderr: boolean,
    since: timestamp,
    until: timestamp,
    timestamps: boolean,
    details: boolean,
    tail: optionalText,
  },
  answer: output(),
});

export const containerChanges = route('GET', '/containers/{ref}/changes', {
  answer: json<ContainerChange[] | null>(),
});

/** `docker commit`; the body may hold a config that takes the container's place. */
export const containerCommit = route('POST', '/commit', {
  query: {
    container: optionalText,
    repo: optionalText,
    tag: optionalText,
    comment: optionalText,
    author: optionalText,
    pause: booleanOr(true),
    changes: repeated,
  },
  body: containerCreateBody,
  answer: json<{ Id: string }>(201),
});

export const containerExport = route('GET', '/containers/{ref}/export', { answer: bytes('application/octet-stream') });

export const containerStats = route('GET', '/containers/{ref}/stats', {
  query: { stream: booleanOr(true), 'one-shot': boolean },
  answer: lines<StatsDocument>(),
});

/** Rows and columns. */
export const terminalSize = { h: sizeInteger('height'), w: sizeInteger('width') };

export const containerResize = route('POST', '/containers/{ref}/resize', {
  query: terminalSize,
  answer: nothing(200),
});

export const containerStart = route('POST', '/containers/{ref}/start', {
  query: { checkpoint: optionalText, 'checkpoint-dir': optionalText },
  answer: nothing(),
});

const stopQuery = { t: optionalInteger, signal: optionalText };
export const containerStop = route('POST', '/containers/{ref}/stop', { query: stopQuery, answer: nothing() });
export const containerRestart = route('POST', '/containers/{ref}/restart', { query: stopQuery, answer: nothing() });

export const containerKill = route('POST', '/containers/{ref}/kill', {
  query: { signal: optionalText },
  answer: nothing(),
});

export const containerUpdate = route('POST', '/containers/{ref}/update', {
  body: containerUpdateBody,
  answer: json<ContainerUpdated>(),
});

export const containerRename = route('POST', '/containers/{ref}/rename', {
  query: { name: optionalText },
  answer: nothing(),
});

export const containerPause = route('POST', '/containers/{ref}/pause', { answer: nothing() });
export const containerUnpause = route('POST', '/containers/{ref}/unpause', { answer: nothing() });

const attachQuery = {
  logs: boolean,
  stream: boolean,
  stdin: boolean,
  stdout: boolean,
  stderr: boolean,
  detachKeys: optionalText,
};

export const containerAttach = route('POST', '/containers/{ref}/attach', { query: attachQuery, answer: session() });

/** The same over a web socket, for clients that can open nothing else. */
export const containerAttachWebSocket = route('GET', '/containers/{ref}/attach/ws', {
  query: attachQuery,
  answer: session(),
});

export const containerWait = route('POST', '/containers/{ref}/wait', {
  query: { condition: optionalText },
  answer: promised<ContainerWaitResponse>(),
});

export const containerRemove = route('DELETE', '/containers/{ref*}', {
  query: { v: boolean, force: boolean, link: boolean },
  answer: nothing(),
});

const archiveQuery = { path: archivePath };
/** The header `X-Docker-Container-Path-Stat` is the whole answer. */
export const archiveStat = route('HEAD', '/containers/{ref}/archive', { query: archiveQuery, answer: nothing(200) });
export const archiveRead = route('GET', '/containers/{ref}/archive', {
  query: archiveQuery,
  answer: bytes('application/x-tar'),
});
/** The request's body is a tar, plain or compressed. */
export const archiveWrite = route('PUT', '/containers/{ref}/archive', {
  query: { ...archiveQuery, noOverwriteDirNonDir: boolean, copyUIDGID: boolean },
  answer: nothing(200),
});

/** Berth's own: removes a file or a folder of a container that stands still. 409 while it runs, and for what is mounted. */
export const archiveRemove = route('DELETE', '/containers/{ref}/archive', { query: archiveQuery, answer: nothing() });

export const containerPrune = route('POST', '/containers/prune', {
  query: { filters },
  answer: json<ContainerPruneReport>(),
});
