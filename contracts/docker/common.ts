import { type Decoded, fields, list, map, text } from '../decode.ts';

/** Free text by key. */
export type Labels = Record<string, string>;

/** The body of every answer that is an error. */
export interface ErrorDocument {
  message: string;
}

/** One of a port's places on the host; an empty `HostPort` lets the engine choose. */
export const portBinding = fields({ HostIp: text, HostPort: text }, 'nat.PortBinding');
export type PortBinding = Decoded<typeof portBinding>;

/** `"80/tcp"` → where it is published. A null list in a request becomes an empty one. */
export const portMap = map(list(portBinding), []);
export type PortMap = Record<string, PortBinding[]>;

/** Go's `map[string]struct{}`. */
export type NameSet = Record<string, Record<string, never>>;

/** Docker's registry credentials, in `X-Registry-Auth` (base64url of this as JSON) and in `POST /auth`. */
export const authConfig = fields({
  username: text,
  password: text,
  auth: text,
  email: text,
  serveraddress: text,
  identitytoken: text,
  registrytoken: text,
});
export type AuthConfig = Decoded<typeof authConfig>;

/** How far a download, an extraction or an upload is, in bytes (or `units`). */
export interface ProgressDetail {
  current?: number;
  total?: number;
  start?: number;
  hidecounts?: boolean;
  units?: string;
}

/** One line of a progress stream: pull, push, load, import, build. */
export interface JsonMessage {
  stream?: string;
  status?: string;
  id?: string;
  progress?: string;
  progressDetail?: ProgressDetail;
  error?: string;
  errorDetail?: { code?: number; message: string };
  aux?: unknown;
  from?: string;
  time?: number;
  timeNano?: number;
}

/** `{ os, architecture, variant }` as the `platform` parameter and OCI documents have it. */
export interface PlatformDocument {
  architecture: string;
  os: string;
  'os.version'?: string;
  'os.features'?: string[];
  variant?: string;
}

/** Name and value of `docker … prune`: what went and how many bytes came back. */
export interface PruneReport {
  SpaceReclaimed: number;
}
