import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, it } from 'vitest';
import { command, succeed } from '../../support/command.ts';
import { freePort } from '../../support/registry.ts';
import { removeAll, type Stage, until } from './subject.ts';

/** Networks as programs see them: published ports, the way out, names. */
export function networkTests(stage: () => Stage): void {
  published(stage);
  choices(stage);
  outside(stage);
  names(stage);
  kinds(stage);
}

const page = (address: string): Promise<string> =>
  succeed('curl', ['-sS', '--max-time', '20', `http://${address}/page`]);
const serve = ['sh', '-c', 'cd /srv && echo the page > page && exec python3 -u -m http.server 80'];

function published(stage: () => Stage): void {
  it('serves a web page through published ports, until the container ends, and again', async () => {
    const { engine, python } = stage();
    const port = await freePort();
    await engine.docker('run', '-d', '--name', 'web', '-p', '127.0.0.1:0:80', '-p', `${port}:80`, python, ...serve);
    const chosen = /127\.0\.0\.1:(\d+)/.exec(await engine.docker('port', 'web', '80'))?.[1];
    expect(await until('it serves', () => page(`localhost:${port}`))).toBe('the page\n');
    expect(await page(`127.0.0.1:${chosen}`)).toBe('the page\n');
    expect(await engine.docker('ps', '--format', '{{.Ports}}')).toContain(`:${port}->80/tcp`);
    const many = Array.from({ length: 10 }, () => page(`127.0.0.1:${port}`));
    expect(await Promise.all(many)).toEqual(Array(10).fill('the page\n'));
    expect((await engine.tryDocker(['logs', '--tail', '1', 'web'])).stderr).toContain('"GET /page HTTP/1.1" 200');
    await engine.docker('stop', '-t', '1', 'web');
    await until(
      'the port is closed',
      async () => (await command('curl', ['-s', `http://127.0.0.1:${port}/`])).code === 7,
    );
    await engine.docker('start', 'web');
    expect(await until('it serves again', () => page(`127.0.0.1:${port}`))).toBe('the page\n');
    await engine.docker('rm', '-f', 'web');
  });

  it('publishes a UDP port', async () => {
    const { engine, python } = stage();
    const port = await freePort();
    const echo =
      'import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 53))\nwhile True:\n d, a = s.recvfrom(9000); s.sendto(d.upper(), a)';
    await engine.docker('run', '-d', '--name', 'udp', '-p', `127.0.0.1:${port}:53/udp`, python, 'python3', '-c', echo);
    const socket = createSocket('udp4');
    const answers: string[] = [];
    socket.on('message', message => answers.push(message.toString()));
    await until('an answer comes', () => {
      socket.send('hello', port, '127.0.0.1');
      return answers.includes('HELLO');
    });
    socket.close();
    await engine.docker('rm', '-f', 'udp');
  });

  it('lets two containers talk, and reach each other by the published port', async () => {
    const { engine, python } = stage();
    await engine.docker('run', '-d', '--name', 'web', '-p', '80', python, ...serve);
    const address = (
      await engine.docker('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'web')
    ).trim();
    const gateway = (
      await engine.docker('inspect', '-f', '{{.NetworkSettings.Networks.bridge.Gateway}}', 'web')
    ).trim();
    const port = /:(\d+)/.exec(await engine.docker('port', 'web', '80'))?.[1];
    const fetch = (where: string): Promise<string> =>
      until(`${where} answers`, () =>
        engine.docker('run', '--rm', python, 'curl', '-sS', '-m', '10', `http://${where}/page`),
      );
    expect(await fetch(address)).toBe('the page\n');
    expect(await fetch(`${gateway}:${port}`)).toBe('the page\n');
    await removeAll(stage());
  });
}

function choices(stage: () => Stage): void {
  it('publishes on an address of the host, and nowhere else', async () => {
    const { engine, python } = stage();
    const address = Object.values(networkInterfaces())
      .flat()
      .find(one => one?.family === 'IPv4' && !one.internal)?.address;
    if (!address) return console.log('skipped: this host has no address but loopback');
    const port = await freePort();
    await engine.docker('run', '-d', '--name', 'web', '-p', `${address}:${port}:80`, python, ...serve);
    expect(await until('it serves', () => page(`${address}:${port}`))).toBe('the page\n');
    expect((await command('curl', ['-s', '-m', '5', `http://127.0.0.1:${port}/`])).code).toBe(7);
  });

  it('chooses a port that nobody on the host has', async () => {
    const { engine, busybox } = stage();
    const run = async (): Promise<number> => {
      const id = (await engine.docker('run', '-d', '-p', '127.0.0.1:0:80', busybox, 'sleep', '1000')).trim();
      return Number(/:(\d+)/.exec(await engine.docker('port', id, '80'))?.[1]);
    };
    const first = await run();
    const others = [1, 2, 3].map(step =>
      createServer()
        .listen(first + step, '127.0.0.1')
        .on('error', () => undefined),
    );
    expect(await run()).toBeGreaterThan(first + 3);
    for (const other of others) other.close();
  });
}

function outside(stage: () => Stage): void {
  it('reaches a server outside, by NAT', async () => {
    const { engine, python, hostForContainers, listenOn } = stage();
    const server = createServer((request, response) => response.end(`outside ${request.url}`));
    await new Promise<void>(resolve => server.listen(0, listenOn, resolve));
    const { port } = server.address() as AddressInfo;
    const url = `http://${hostForContainers}:${port}/x`;
    const fetch = `import urllib.request; print(urllib.request.urlopen("${url}", timeout=20).read().decode())`;
    const run = await engine.tryDocker(['run', '--rm', python, 'python3', '-c', fetch]);
    server.close();
    expect(run).toMatchObject({ code: 0, stdout: 'outside /x\n' });
  });
}

/** A name server on this host that knows one name. Messages: RFC 1035. */
async function nameServer(listenOn: string): Promise<{ close(): void }> {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    const asksForAddress = query.includes(Buffer.from('\x05berth\x04test\x00\x00\x01'));
    const reply = Buffer.from(query.subarray(0, query.length));
    reply.writeUInt16BE(0x8180, 2);
    reply.writeUInt16BE(asksForAddress ? 1 : 0, 6);
    reply.writeUInt32BE(0, 8);
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 9, 8, 7, 6]);
    socket.send(asksForAddress ? Buffer.concat([reply, answer]) : reply, port, address);
  });
  await new Promise<void>((resolve, reject) => socket.once('error', reject).bind(53, listenOn, resolve));
  return { close: () => void socket.close() };
}

function names(stage: () => Stage): void {
  it('finds names: given ones, and those of a name server', async () => {
    const { engine, python, hostForContainers, listenOn } = stage();
    const server = await nameServer(listenOn);
    const look = 'import socket; print(*map(socket.gethostbyname, ["given", "berth.test", "localhost"]))';
    const flags = ['--add-host', 'given:1.2.3.4', '--dns', hostForContainers];
    const run = await engine.tryDocker(['run', '--rm', ...flags, python, 'python3', '-c', look]);
    server.close();
    expect(run).toMatchObject({ code: 0, stdout: '1.2.3.4 9.8.7.6 127.0.0.1\n' });
  });
}

function kinds(stage: () => Stage): void {
  it('gives the network asked for: none, the host’s, a container’s, one of its own', async () => {
    const { engine, busybox, python } = stage();
    const links = async (network: string): Promise<string[]> =>
      (await engine.docker('run', '--rm', '--network', network, busybox, 'ls', '/sys/class/net')).trim().split(/\s+/);
    expect(await links('none')).not.toContain('eth0');
    expect(await links('bridge')).toContain('eth0');
    expect(await links('host')).toContain('lo');
    await engine.docker('network', 'create', '--subnet', '10.213.7.0/24', 'own');
    await engine.docker('run', '-d', '--name', 'web', '--network', 'own', python, ...serve);
    const fetch = ['curl', '-sS', '-m', '10', 'http://127.0.0.1/page'];
    await until('its neighbour reaches it', () =>
      engine.docker('run', '--rm', '--network', 'container:web', python, ...fetch),
    );
    expect(await engine.docker('inspect', '-f', '{{.NetworkSettings.Networks.own.IPAddress}}', 'web')).toBe(
      '10.213.7.2\n',
    );
    await removeAll(stage());
    await engine.docker('network', 'rm', 'own');
  });
}
