import { invalidArgument } from '../../contracts/errors.ts';

/** Where an engine is, as a docker context or DOCKER_HOST has it. Empty is what was not said. */
export type EngineAddress =
  /** A unix socket, or a named pipe of Windows. */
  | { kind: 'socket'; path: string }
  | { kind: 'tcp'; host: string; port: string }
  /** `path` is the engine's socket on that host. */
  | SshAddress;

export interface SshAddress {
  kind: 'ssh';
  user: string;
  host: string;
  port: string;
  path: string;
}

/** @throws invalid-argument for what is none, or no way that Berth knows */
export function parseAddress(text: string): EngineAddress {
  const scheme = /^(\w+):\/\//.exec(text)?.[1];
  const rest = text.slice(`${scheme}://`.length);
  if (scheme === 'unix') return { kind: 'socket', path: rest };
  if (scheme === 'npipe') return { kind: 'socket', path: rest.replaceAll('/', '\\') };
  if (scheme !== 'tcp' && scheme !== 'ssh') throw invalidArgument(`${text}: not unix://, npipe://, tcp:// or ssh://`);
  const url = URL.parse(text);
  if (!url?.hostname) throw invalidArgument(`${text} names no host`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (scheme === 'tcp') return { kind: 'tcp', host, port: url.port };
  return sshAddress(url, host);
}

/** As strict as the docker command: what it refuses is nothing that works with it. */
function sshAddress({ username, password, port, pathname, search, hash }: URL, host: string): SshAddress {
  const refuse = (why: string): never => {
    throw invalidArgument(`ssh host connection is not valid: ${why}`);
  };
  if (password !== '') refuse('plain-text password is not supported');
  if (search !== '') refuse(`query parameters are not allowed: "${search.slice(1)}"`);
  if (hash !== '') refuse(`fragments are not allowed: "${hash.slice(1)}"`);
  const user = decodeURIComponent(username);
  // `ssh` would read it as an option
  if (user.startsWith('-') || host.startsWith('-')) refuse('neither a user nor a host begins with a dash');
  const path = decodeURIComponent(pathname);
  return { kind: 'ssh', user, host, port, path: /^\/*$/.test(path) ? '' : path };
}
