import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Semaphore } from '../../base/semaphore.ts';
import type { SshAddress } from './address.ts';
import type { Dial, Line } from './line.ts';
import { sshWords } from './ssh-words.ts';

/** Sessions that share a connection: a server allows ten of them unless it is told otherwise (MaxSessions of sshd_config(5)). */
const mostSessions = 8;
/** Connections that may say at once who they are: a server refuses some of more than ten (MaxStartups of sshd_config(5)). */
const mostGreetings = 6;
/** After this time a session that has not heard a word lets others begin, in milliseconds: it may wait for long. */
const patienceMs = 5000;
/** The last words of a failure may come a little after its end, in milliseconds. */
const lastWordsMs = 1000;
const mostWords = 4096;
/** A socket's path is at most 103 bytes long on macOS, and OpenSSH makes a longer name first. */
const longestPath = 80;

/** A connection to the host, and what goes over it. Where OpenSSH cannot share one, each session has its own. */
interface Connection {
  /** Where its sessions find it. */
  path: string | undefined;
  sessions: number;
  /** Of them, those that have heard the engine. */
  heard: number;
  /** The first session makes the connection that the others share. */
  beginning: Semaphore;
}

/** Lines through `ssh` to the engine that a `docker` on that host speaks with. `folder` is this user's alone. */
export function sshDialer(address: SshAddress, folder: string, env: NodeJS.ProcessEnv): Dial {
  const connections: Connection[] = [];
  const path = (): string => join(folder, `ssh${connections.length}`);
  const canShare = process.platform !== 'win32' && Buffer.byteLength(path()) <= longestPath;
  const room = (): Connection => {
    const found = connections.find(({ sessions }) => !canShare || sessions < mostSessions);
    if (found) return found;
    const made: Connection = {
      ...{ path: canShare ? path() : undefined, sessions: 0, heard: 0 },
      beginning: new Semaphore(() => (!canShare ? mostGreetings : made.heard > 0 ? mostSessions : 1)),
    };
    connections.push(made);
    return made;
  };
  return async gone => {
    const connection = room();
    connection.sessions++;
    try {
      const leave = await connection.beginning.enter(gone);
      return begin(connection, sshWords(address, connection.path), env, leave);
    } catch (error) {
      connection.sessions--;
      throw error;
    }
  };
}

/** Starts a session; `leave` is called when it has begun, or will not soon. */
function begin(connection: Connection, words: readonly string[], env: NodeJS.ProcessEnv, leave: () => void): Line {
  // without our terminal: nobody looks there for a question of `ssh`
  const detached = process.platform !== 'win32';
  const child = spawn('ssh', words, { env, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true, detached });
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as unknown as Socket).unref();
  const begun = Promise.withResolvers<void>();
  child.stdout.once('data', () => {
    connection.heard++;
    child.stdout.once('close', () => connection.heard--);
    begun.resolve();
  });
  child.stdout.once('close', () => {
    connection.sessions--;
    begun.resolve();
  });
  void Promise.race([begun.promise, sleep(patienceMs, undefined, { ref: false })]).then(leave);
  return { input: child.stdin, output: child.stdout, reason: reasonOf(child), close: () => end(child) };
}

/** Its streams go first: `ssh` waits until what it has was read, which nobody does any more. */
function end(child: ChildProcess): void {
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
  child.kill();
}

/** What `ssh`, or the `docker` behind it, said when it could do no more. */
function reasonOf(child: ChildProcess): () => Promise<string> {
  let words = '';
  child.once('error', error => {
    words = `ssh could not be started: ${error.message}`;
  });
  child.stderr?.on('error', () => undefined);
  child.stderr?.on('data', part => {
    words = `${words}${part}`.slice(-mostWords);
  });
  return async () => {
    const { stderr } = child;
    if (stderr && !stderr.closed) await Promise.race([once(stderr, 'close'), sleep(lastWordsMs)]);
    return withoutSharing(words);
  };
}

/** A connection that could not be shared after all is no reason: the session had its own then. */
const withoutSharing = (words: string): string =>
  words
    .split(/\r?\n/)
    .filter(line => !/^(ControlSocket |Control socket |mux_client_)/.test(line))
    .join('\n')
    .trim();
