import type { Duplex } from 'node:stream';
import type { Client, ClientChannel, ConnectConfig, PseudoTtyOptions } from 'ssh2';
import type { SshChannel } from '../../base/channel-relay.ts';
import { unavailable } from '../../contracts/errors.ts';

export interface SshSessionOptions {
  /** Any byte stream to the guest's SSH server; from now on it belongs to the session. */
  stream: Duplex;
  /** `ssh-ed25519 AAAA…` of the guest: another server is refused. */
  hostPublicKey: string;
  /** Our OpenSSH private key. */
  privateKey: string;
  /** Until the login is done. */
  timeoutMs?: number;
}

export interface SshSession {
  /** Resolves when the session is over, with the reason if there was one. */
  readonly closed: Promise<Error | undefined>;
  /** A connection to a local socket in the guest. @throws unavailable when it is refused. */
  openSocket(path: string): Promise<SshChannel>;
  /** A TCP connection to an address of the guest. */
  openTcp(host: string, port: number): Promise<SshChannel>;
  /** A shell with a terminal of that size, or a command without one. */
  openShell(command: string | undefined, terminal: PseudoTtyOptions | undefined): Promise<ClientChannel>;
  close(): void;
}

const algorithms: ConnectConfig['algorithms'] = {
  kex: ['curve25519-sha256'],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'],
  serverHostKey: ['ssh-ed25519'],
  hmac: ['hmac-sha2-256'],
  compress: ['none'],
};

/** Logs in over a stream. @throws unavailable with the reason when it cannot: wrong host key, wrong key, no answer in time. */
export async function openSshSession(options: SshSessionOptions): Promise<SshSession> {
  const { default: ssh2 } = await import('ssh2'); // while the machine boots: its start does not wait for it
  const client = new ssh2.Client();
  const closed = Promise.withResolvers<Error | undefined>();
  const ready = Promise.withResolvers<void>();
  let reason: Error | undefined;
  client.on('ready', () => ready.resolve());
  client.on('error', error => {
    reason = error;
    ready.reject(unavailable(`SSH to the machine failed: ${error.message}`, { cause: error }));
  });
  client.on('close', () => {
    ready.reject(unavailable('The machine closed the SSH connection', { cause: reason }));
    closed.resolve(reason);
  });
  const pinned = Buffer.from(options.hostPublicKey.split(' ')[1] ?? '', 'base64');
  client.connect({
    sock: options.stream as never, // any Duplex will do (tried); the types ask for a Readable only
    username: 'berth',
    privateKey: options.privateKey,
    hostVerifier: (key: Buffer) => key.equals(pinned),
    algorithms,
    readyTimeout: options.timeoutMs ?? 20_000,
    keepaliveInterval: 10_000,
    keepaliveCountMax: 6,
  });
  await ready.promise;
  return sessionOf(client, closed.promise);
}

type Opened<Channel> = (error: Error | undefined, channel: Channel) => void;

function opened<Channel>(what: string, open: (done: Opened<Channel>) => void): Promise<Channel> {
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown): void => {
      const text = error instanceof Error ? error.message : String(error);
      reject(unavailable(`${what}: ${text}`, { cause: error }));
    };
    try {
      open((error, channel) => (error ? refuse(error) : resolve(channel)));
    } catch (error) {
      refuse(error); // ssh2 throws when it is no longer connected
    }
  });
}

function sessionOf(client: Client, closed: Promise<Error | undefined>): SshSession {
  return {
    closed,
    openSocket: path => opened<SshChannel>(path, done => client.openssh_forwardOutStreamLocal(path, done)),
    openTcp: (host, port) =>
      opened<SshChannel>(`${host}:${port}`, done => client.forwardOut('127.0.0.1', 0, host, port, done)),
    openShell: (command, terminal) =>
      opened<ClientChannel>('shell', done => {
        if (command === undefined) client.shell(terminal ?? false, done);
        else client.exec(command, terminal ? { pty: terminal } : {}, done);
      }),
    close: () => client.destroy(),
  };
}
