import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesOf } from '../../../../base/http-client.ts';
import { JsonPeer } from '../../../../base/json-peer.ts';
import { createLog } from '../../../../base/log.ts';
import { conflict } from '../../../../contracts/errors.ts';
import type { GuestCalls, HostCalls, PublishedPorts } from '../../../../contracts/guest.ts';
import { type LocalTarget, type SshServer, startSshServer } from '../../../../guest-agent/control/ssh-server.ts';
import {
  forwardSocket,
  GuestConnection,
  openGuestControl,
  openSshSession,
  PortForwarder,
  synchroniseClock,
} from '../../../../src/forwarding/index.ts';
import { newKeyPair } from '../../../../src/machine/index.ts';

const log = createLog({ level: 'error' });
const guest = await newKeyPair();
const user = await newKeyPair();

let folder: string;
let engine: Server;
let ssh: SshServer;
let control: ((stream: Duplex) => void) | undefined;
const open: (() => unknown)[] = [];

/** Answers with what it got, once it got all of it: only a half-close can tell it that. */
async function echoAtEnd(socket: Socket): Promise<void> {
  socket.on('error', () => undefined);
  socket.end(await bytesOf(socket));
}

const listening = (server: Server, where: string | number): Promise<Server> =>
  new Promise(resolve => server.listen(where, () => resolve(server)));

const portOf = (server: Server): number => (server.address() as { port: number }).port;

const openStream = (port = ssh.port): Promise<Duplex> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });

function connectGuest(extra: Partial<ConstructorParameters<typeof GuestConnection>[0]> = {}): GuestConnection {
  const connection = new GuestConnection({
    openStream,
    hostPublicKey: guest.public,
    privateKey: user.private,
    log,
    ...extra,
  });
  open.push(() => connection.close());
  return connection;
}

const startServer = (port = 0): Promise<SshServer> =>
  startSshServer({
    hostKey: guest.private,
    authorizedKeys: [user.public],
    listen: { host: '127.0.0.1', port },
    targets: new Map<string, LocalTarget>([
      [join(folder, 'engine.sock'), { socket: join(folder, 'engine.sock') }],
      ['control', { serve: stream => control?.(stream) }],
    ]),
    log,
  });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-'));
  engine = createServer({ allowHalfOpen: true }, socket => void echoAtEnd(socket));
  await listening(engine, join(folder, 'engine.sock'));
  ssh = await startServer();
});

afterEach(async () => {
  for (const close of open.splice(0)) await close();
  await ssh.close();
  engine.close();
  rmSync(folder, { recursive: true });
});

const send = async (path: string, data: Buffer): Promise<Buffer> => {
  const socket = connect({ path, allowHalfOpen: true });
  socket.end(data);
  return bytesOf(socket);
};

describe('the channel', () => {
  it('gives docker.sock to this user only, and keeps half-closes in both directions', async () => {
    const connection = connectGuest();
    const path = join(folder, 'docker.sock');
    const door = await forwardSocket(path, () => connection.openSocket(join(folder, 'engine.sock')), log);
    open.push(() => door.close());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const data = randomBytes(5_000_000); // more than a window of 2 MiB
    expect((await send(path, data)).equals(data)).toBe(true);
  });

  it('lets the client go on sending after the server has finished', async () => {
    const received = Promise.withResolvers<Buffer>();
    const early = createServer({ allowHalfOpen: true }, socket => {
      socket.end('done');
      void bytesOf(socket).then(received.resolve);
    });
    open.push(() => early.close());
    await listening(early, 0);
    const channel = await connectGuest().openTcp('127.0.0.1', portOf(early));
    expect((await bytesOf(channel)).toString()).toBe('done');
    channel.write('late words');
    channel.eof();
    expect((await received.promise).toString()).toBe('late words');
  });

  it('carries hundreds of connections at once', async () => {
    const connection = connectGuest();
    const path = join(folder, 'docker.sock');
    const door = await forwardSocket(path, () => connection.openSocket(join(folder, 'engine.sock')), log);
    open.push(() => door.close());
    const sent = Array.from({ length: 300 }, () => randomBytes(20_000));
    const back = await Promise.all(sent.map(data => send(path, data)));
    expect(back.every((data, at) => data.equals(sent[at] ?? Buffer.alloc(0)))).toBe(true);
    // and nothing stays behind
    expect(await new Promise(resolve => engine.getConnections((_, count) => resolve(count)))).toBe(0);
  });

  it('a stalled reader does not stop the others', async () => {
    const flood = createServer(socket => {
      socket.on('error', () => undefined);
      socket.write(Buffer.alloc(20_000_000));
    });
    open.push(() => flood.close());
    await listening(flood, 0);
    const connection = connectGuest();
    const stalled = await connection.openTcp('127.0.0.1', portOf(flood));
    const channel = await connection.openSocket(join(folder, 'engine.sock'));
    channel.write('through');
    channel.eof();
    expect((await bytesOf(channel)).toString()).toBe('through');
    stalled.close();
  });

  it('ends the program behind a connection that the client drops', async () => {
    const gone = Promise.withResolvers<void>();
    const waiting = createServer(socket => {
      socket.once('data', () => client.destroy());
      socket.on('error', () => undefined);
      socket.on('close', () => gone.resolve());
    });
    open.push(() => waiting.close());
    await listening(waiting, 0);
    const connection = connectGuest();
    const path = join(folder, 'docker.sock');
    const door = await forwardSocket(path, () => connection.openTcp('127.0.0.1', portOf(waiting)), log);
    open.push(() => door.close());
    const client = connect(path, () => client.write('x'));
    await gone.promise;
  });
});

describe('strangers', () => {
  it('a key that is not listed, a password and another host key get nothing', async () => {
    const login = async (hostPublicKey: string, privateKey: string) =>
      openSshSession({ stream: await openStream(), hostPublicKey, privateKey, timeoutMs: 5000 });
    await expect(login(guest.public, (await newKeyPair()).private)).rejects.toThrow('authentication');
    await expect(login((await newKeyPair()).public, user.private)).rejects.toThrow('Host denied');
    const client = new ssh2.Client();
    const refused = new Promise(resolve => client.on('error', error => resolve(error.message)));
    client.connect({ host: '127.0.0.1', port: ssh.port, username: 'berth', password: 'secret' });
    expect(await refused).toContain('authentication');
  });

  it('no other socket and no other address can be reached', async () => {
    const connection = connectGuest();
    await expect(connection.openSocket('/run/other.sock')).rejects.toThrow('Channel open failure');
    await expect(connection.openTcp('10.0.2.2', 22)).rejects.toThrow('Channel open failure');
  });

  it('many silent connections do not keep the user out for longer than they last', async () => {
    const silent = await Promise.all(Array.from({ length: 40 }, () => openStream()));
    for (const socket of silent) socket.on('error', () => undefined).destroy();
    expect(await connectGuest().session()).toBeDefined();
  });
});

describe('a lost connection', () => {
  it('is made again, and who asks meanwhile waits', async () => {
    let sessions = 0;
    const connection = connectGuest({
      onSession: () => {
        sessions += 1;
      },
    });
    const first = await connection.session();
    const port = ssh.port;
    await ssh.close();
    await first.closed;
    const waiting = connection.openSocket(join(folder, 'engine.sock'));
    ssh = await startServer(port);
    const channel = await waiting;
    channel.write('again');
    channel.eof();
    expect((await bytesOf(channel)).toString()).toBe('again');
    expect(sessions).toBe(2);
  });
});

describe('published ports', () => {
  const noon = Date.UTC(2026, 0, 1, 12);
  /** A guest that has `published` at the start, and whose clock is off. */
  const guestOf = (published: PublishedPorts[], clock = { offMs: 0 }): Promise<JsonPeer<GuestCalls, HostCalls>> =>
    new Promise(resolve => {
      control = stream =>
        resolve(
          new JsonPeer<GuestCalls, HostCalls>(stream, {
            health: () => ({ version: 'test', uptimeSeconds: 1, state: 'ready' }),
            clock: () => ({ unixMs: noon + clock.offMs }),
            adjustClock: ({ byMs }) => {
              clock.offMs += byMs;
              return {};
            },
            ports: () => ({ published }),
            shutdown: () => ({}),
          }),
        );
    });
  const forwarder = (connection: GuestConnection): PortForwarder => {
    const ports = new PortForwarder({ openTcp: (host, port) => connection.openTcp(host, port), log });
    open.push(() => ports.close());
    return ports;
  };
  const freePort = async (): Promise<number> => {
    const server = await listening(createServer(), 0);
    const port = portOf(server);
    await new Promise(resolve => server.close(resolve));
    return port;
  };

  it('open on the host when the guest asks, close again, and say who is in the way', async () => {
    const hostPort = await freePort();
    const connection = connectGuest();
    const ports = forwarder(connection);
    const peer = guestOf([]);
    await openGuestControl(await connection.session(), 'control', ports, log);
    const asGuest = await peer;
    const request = { key: 'web', ports: [{ protocol: 'tcp' as const, hostIp: '0.0.0.0', hostPort }] };
    await asGuest.call('publish', request);
    expect(ports.list()).toEqual([`127.0.0.1:${hostPort}/tcp`]);
    await expect(asGuest.call('publish', { ...request, key: 'other' })).rejects.toThrow(
      `Ports are not available: exposing port TCP 127.0.0.1:${hostPort}: address already in use on the host`,
    );
    await expect(asGuest.call('publish', { ...request, key: 'other' })).rejects.toMatchObject({
      kind: conflict('').kind,
    });
    await asGuest.call('withdraw', { key: 'web' });
    expect(ports.list()).toEqual([]);
    await asGuest.call('publish', { ...request, key: 'other' });
  });

  it('what the guest published while no host was there is opened on connecting', async () => {
    const hostPort = await freePort();
    const connection = connectGuest();
    const ports = forwarder(connection);
    const peer = guestOf([{ key: 'web', ports: [{ protocol: 'tcp', hostIp: '::', hostPort }] }]);
    await openGuestControl(await connection.session(), 'control', ports, log);
    expect(ports.list()).toEqual([`127.0.0.1:${hostPort}/tcp`]);
    await peer;
  });

  it('a clock that is off is set, one that is right is left alone', async () => {
    const clock = { offMs: -7_200_000 };
    const connection = connectGuest();
    const peer = guestOf([], clock);
    const host = await openGuestControl(await connection.session(), 'control', forwarder(connection), log);
    await peer;
    expect(await synchroniseClock(host, () => noon)).toBe(-7_200_000);
    expect(clock.offMs).toBe(0);
    clock.offMs = 1;
    await synchroniseClock(host, () => noon);
    expect(clock.offMs).toBe(1);
  });
});
