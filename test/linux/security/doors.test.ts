import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { succeed } from '../../support/command.ts';
import { eventually } from '../../support/eventually.ts';
import { engineToAttack, usable } from './fixture.ts';

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe.skipIf(!usable)('the doors of an engine', { timeout: 60_000 }, () => {
  const host = engineToAttack();
  const { treasure } = host;

  /** What the API answers to a body of any kind. */
  function ask(method: string, path: string, body: string | Buffer = ''): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = body.length > 0 ? { 'Content-Type': 'application/json', 'Content-Length': body.length } : {};
      const call = request({ socketPath: host.engine.socket, method, path, headers }, response => {
        let text = '';
        response.on('data', chunk => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      call.on('error', reject);
      call.end(body);
    });
  }

  const descendants = async (pid: number): Promise<number[]> => {
    const children = (await succeed('sh', ['-c', `pgrep -P ${pid} || true`])).split('\n').filter(Boolean).map(Number);
    return [pid, ...(await Promise.all(children.map(descendants))).flat()];
  };

  it('open for root alone', async () => {
    expect(modeOf(host.engine.socket)).toBe('600');
    expect(modeOf(join(host.engine.execRoot, 'keeper.sock'))).toBe('600');
    for (const room of ['containers', 'content', 'images', 'snapshots', 'volumes', 'networks']) {
      const path = join(host.engine.root, room);
      if (existsSync(path)) expect([room, statSync(path).mode & 0o007 & ~0o001]).toEqual([room, 0]);
    }
    await host.engine.docker('run', '-d', '--name', 'holder', '-e', 'PASSWORD=hidden', 'busybox', 'sleep', '1000');
    const id = (await host.engine.docker('inspect', '--format', '{{.Id}}', 'holder')).trim();
    const nobody = (...words: string[]) =>
      succeed('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', ...words]);
    const readable = await nobody(
      'sh',
      '-c',
      `find ${host.engine.root} ${host.engine.execRoot} -type f -readable 2>/dev/null | xargs -r grep -l hidden 2>/dev/null || true`,
    );
    expect(readable).toBe('');
    expect(readdirSync(join(host.engine.execRoot, 'containers', id))).not.toContain('plan.json');
    await host.engine.docker('rm', '-f', 'holder');
  });

  it('open no debugger when a container of the host’s namespaces knocks', async () => {
    const programs = await descendants(host.engine.pid());
    const nodes = programs.filter(pid => /node|keeper/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')));
    expect(nodes.length).toBeGreaterThanOrEqual(3); // the command line, the agent, the keeper
    const other = spawn(process.execPath, ['--inspect-port=0', '-e', 'setInterval(() => {}, 1000); console.log()']);
    onTestFinished(() => void other.kill());
    await once(other.stdout, 'data');
    const knocked = [...nodes, other.pid].map(String);
    await host.engine.docker('run', '--rm', '--pid', 'host', 'busybox', 'kill', '-USR1', ...knocked);
    const [opened] = await once(other.stderr, 'data');
    expect(String(opened)).toContain('Debugger listening'); // any other Node has opened one by now
    const listening = await succeed('sh', [
      '-c',
      'cat /proc/net/tcp /proc/net/tcp6 | awk \'$4 == "0A" {print $2, $10}\'',
    ]);
    const inodes = new Set(listening.split('\n').map(line => line.split(' ')[1]));
    for (const pid of nodes) {
      const sockets = (await succeed('sh', ['-c', `ls -l /proc/${pid}/fd`])).matchAll(/socket:\[(\d+)\]/g);
      expect([...sockets].filter(([, inode]) => inodes.has(inode ?? ''))).toEqual([]);
    }
    await host.engine.docker('version');
  });

  it('lead nowhere by names that climb', async () => {
    for (const name of ['..', '../../evil', `..${treasure.folder}`, '.hidden', 'a/b', 'x\0y', 'a\n']) {
      for (const [path, body] of [
        ['/volumes/create', { Name: name }],
        [`/containers/create?name=${encodeURIComponent(name)}`, { Image: 'busybox' }],
      ] as const)
        expect([name, (await ask('POST', path, JSON.stringify(body))).status]).toEqual([name, 400]);
      const known = await ask('GET', `/containers/${encodeURIComponent(name)}/json`);
      expect([404, 400]).toContain(known.status);
      expect([404, 400]).toContain((await ask('DELETE', `/volumes/${encodeURIComponent(name)}`)).status);
    }
    for (const file of [
      '/containers/..%2f..%2f..%2f..%2fetc%2fpasswd/json',
      '/images/..%2f..%2f..%2fetc%2fpasswd/json',
    ])
      expect([404, 400]).toContain((await ask('GET', file)).status);
  });

  it('let no document change what it does not say', async () => {
    const body = `{"Image": "busybox", "__proto__": {"Image": "other"}, "constructor": {"prototype": {"polluted": 1}},
      "HostConfig": {"__proto__": {"Privileged": true, "Binds": ["/:/host"]}, "Annotations": {"__proto__": "x"}},
      "Labels": {"__proto__": "label", "constructor": "label"}}`;
    const { status, text } = await ask('POST', '/containers/create?name=protox', body);
    expect(status).toBe(201);
    const { Id } = JSON.parse(text) as { Id: string };
    const { HostConfig, Mounts } = JSON.parse((await ask('GET', `/containers/${Id}/json`)).text);
    expect([HostConfig.Privileged, HostConfig.Binds, Mounts]).toEqual([false, null, []]);
    await ask('DELETE', `/containers/${Id}?force=1`);
    for (const name of ['__proto__', 'constructor', 'toString'])
      expect((await ask('GET', `/containers/${name}/json`)).status).toBe(404);
  });

  it('stay usable after bodies that are too long, too deep, or never end', async () => {
    expect((await ask('POST', '/containers/create', `{"Image":"${'x'.repeat(17 << 20)}"}`)).status).toBe(400);
    const deep = `${'{"HostConfig":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    expect((await ask('POST', '/containers/create', deep)).status).toBeGreaterThanOrEqual(400);
    const sockets = Array.from({ length: 50 }, () => connect(host.engine.socket));
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      socket.write('POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n{');
    }
    await host.engine.docker('version');
    for (const socket of sockets) socket.destroy();
    await host.engine.docker('run', '--rm', 'busybox', 'true');
  });

  it('take a connection for one conversation: what follows a hijacked request is its input, not another request', async () => {
    await host.engine.docker('run', '-d', '-i', '--name', 'echo', 'busybox', 'cat');
    const socket = connect(host.engine.socket);
    const smuggled = 'POST /containers/echo/kill HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';
    const heard: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => heard.push(chunk));
    const head = 'POST /containers/echo/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n';
    socket.write(`${head}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n${smuggled}`);
    await eventually('it comes back', () => Buffer.concat(heard).includes('echo/kill'));
    expect(await host.engine.docker('inspect', '--format', '{{.State.Running}}', 'echo')).toBe('true\n');
    socket.destroy();
    await host.engine.docker('rm', '-f', 'echo');
  });

  it('do not let cp race out of a container', async () => {
    // What cp asks for is a folder at one moment and a link to the host's path at the next.
    const swap = `mkdir -p /w/real ${treasure.folder}; echo inside >/w/real/file; echo inside >${treasure.file}; cd /w;
      while :; do ln -s real x; rm x; ln -s ${treasure.folder} x; rm x; mkdir x; echo inside >x/file; rm -r x; done`;
    await host.engine.docker('run', '-d', '--name', 'racer', 'busybox', 'sh', '-c', swap);
    const into = join(treasure.folder, '..', `into-${process.pid}`);
    mkdirSync(into);
    for (let round = 0; round < 12; round++) {
      await host.engine.tryDocker(['cp', 'racer:/w/x/file', join(into, `out${round}`)]);
      await host.engine.tryDocker(['cp', '/etc/hostname', 'racer:/w/x/file']);
      await host.engine.tryDocker(['cp', '-a', '/etc/hostname', 'racer:/w/x/evil']);
      treasure.assertUntouched();
    }
    for (const name of readdirSync(into)) {
      const path = join(into, name);
      if (statSync(path).isFile()) expect(readFileSync(path, 'utf8')).not.toContain(treasure.secret);
    }
    await host.engine.docker('rm', '-f', 'racer');
    await succeed('rm', ['-r', into]);
  });

  it('do not let a shared volume move a mount out of a container', async () => {
    const swap = `cd /v; while :; do mkdir x 2>/dev/null; rm -r x; ln -s ${treasure.folder} x; rm x; ln -s / x; rm x; done`;
    await host.engine.docker('run', '-d', '--name', 'swapper', '-v', 'shared:/v', 'busybox', 'sh', '-c', swap);
    const mounts = readFileSync('/proc/mounts', 'utf8');
    for (let round = 0; round < 12; round++) {
      const script = `cat /v/x/file ${treasure.file}; touch /v/x/evil; true`;
      const { stdout } = await host.engine.tryDocker([
        'run',
        '--rm',
        '-v',
        'shared:/v',
        '-v',
        'other:/v/x',
        'busybox',
        'sh',
        '-c',
        script,
      ]);
      expect(stdout).not.toContain(treasure.secret);
      treasure.assertUntouched();
    }
    const now = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .filter(line => !mounts.includes(line));
    expect(now.filter(line => line.includes(treasure.folder) || line.includes(host.engine.root))).toEqual([]);
    await host.engine.docker('rm', '-f', 'swapper');
  });

  it('keep the loopback of the host from neighbours who forge packets', async () => {
    const server = createServer(socket => socket.end('loopback'));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const script = `gateway=$(ip route | awk '/default/ {print $3}'); ip route add 127.0.0.5 via $gateway 2>&1; ip addr del 127.0.0.1/8 dev lo;
      ip route add 127.0.0.0/8 via $gateway; nc -w 1 127.0.0.1 ${port} </dev/null; nc -w 1 $gateway ${port} </dev/null; true`;
    const { stdout } = await host.engine.tryDocker([
      'run',
      '--rm',
      '--cap-add',
      'NET_ADMIN',
      'busybox',
      'sh',
      '-c',
      script,
    ]);
    expect(stdout).not.toContain('loopback');
    server.close();
  });
});
