import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/diagnostics/index.ts';
import { newKeyPair } from '../../src/machine/index.ts';
import { type CommandResult, command, succeed } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { busyboxArchive } from '../support/images.ts';

/** A real machine needs Linux with QEMU, and root for the packages that build its image. */
const runs = process.platform === 'linux' && process.getuid?.() === 0;
if (!runs) console.log('skipped: the machine tests need Linux and root');

const home = mkdtempSync(join(tmpdir(), 'berth-machine-'));
const program = join(import.meta.dirname, '../../bin/berth');
const env = {
  BERTH_HOME: home,
  DOCKER_HOST: `unix://${join(home, 'docker.sock')}`,
  DOCKER_CONFIG: join(home, 'docker'),
};

const berth = (...args: string[]): Promise<CommandResult> => command(program, args, { env, timeoutMs: 400_000 });
const docker = (...args: string[]): Promise<string> => succeed('docker', args, { env, timeoutMs: 120_000 });
const inGuest = async (script: string): Promise<string> => (await berth('shell', script)).stdout.trim();

/** The files of kept boots. */
const kept = (): string[] =>
  readdirSync(join(home, 'machine'))
    .filter(name => name.startsWith('sleeping-'))
    .map(name => join(home, 'machine', name));

interface Status {
  state: { status: string; adopted?: boolean };
  orphaned: boolean;
  hostPid: number;
  machinePid: number;
  ports: string[];
}
const status = async (): Promise<Status> => JSON.parse((await berth('status', '--json')).stdout) as Status;

const fetched = async (port: number): Promise<string> => {
  const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(20_000) });
  return (await answer.text()).trim();
};

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

async function up(): Promise<CommandResult> {
  const result = await berth('up', '--detach');
  if (result.code !== 0) throw new Error(`${result.stdout}\n${result.stderr}`);
  return result;
}

describe.runIf(runs)('a machine', { timeout: 300_000 }, () => {
  let webPort: number;

  beforeAll(async () => {
    const { stderr, stdout } = await up();
    expect(stderr).toContain('Hello from Berth!');
    expect(stdout + stderr).toContain(`export DOCKER_HOST=unix://${home}/docker.sock`);
    await docker('load', '--quiet', '--input', await busyboxArchive());
    webPort = await freePort();
  }, 600_000);

  afterAll(async () => {
    await berth('down');
    rmSync(home, { recursive: true, force: true });
  }, 200_000);

  it('keeps what is its own to its user', async () => {
    expect(statSync(join(home, 'docker.sock')).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, 'machine/keys.json')).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, 'machine/initrd')).mode & 0o777).toBe(0o600);
    expect(await inGuest('stat -c %a /run/berth/machine.json')).toBe('600');
    const { sshPort } = JSON.parse(readFileSync(join(home, 'machine/qemu.json'), 'utf8')) as { sshPort: number };
    const stranger = new ssh2.Client();
    const refused = new Promise(resolve => stranger.on('error', error => resolve(error.message)));
    const { private: privateKey } = await newKeyPair();
    stranger.connect({ host: '127.0.0.1', port: sshPort, username: 'berth', privateKey, readyTimeout: 60_000 });
    expect(await refused).toContain('authentication methods failed');
  });

  it('publishes a port on the loopback of the host, and names the one that is taken', async () => {
    await docker(
      'run',
      '-d',
      '--name',
      'web',
      '-p',
      `${webPort}:80`,
      'busybox',
      'sh',
      '-c',
      'mkdir /www; echo hello >/www/index.html; exec httpd -f -h /www',
    );
    expect(await eventually('the page', () => fetched(webPort))).toBe('hello');
    expect((await status()).ports).toEqual([`127.0.0.1:${webPort}/tcp`]);
    const taken = createServer();
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const clash = await command('docker', ['run', '--rm', '-p', `${port}:80`, 'busybox', 'true'], { env });
    expect(clash.code).toBe(125);
    expect(clash.stderr).toContain(
      `Ports are not available: exposing port TCP 127.0.0.1:${port}: address already in use`,
    );
    taken.close();
  });

  it('passes datagrams', async () => {
    const port = await freePort();
    await docker('run', '-d', '--name', 'udp', '-p', `${port}:53/udp`, 'busybox', 'sleep', '1000');
    const socket = createSocket('udp4');
    const timer = setInterval(() => socket.send('ping', port, '127.0.0.1'), 200);
    // Nobody listens in the container, and its kernel counts what came for nobody (proc(5), /proc/net/snmp).
    const arrived = async (): Promise<boolean> => {
      const counters = await docker('exec', 'udp', 'cat', '/proc/net/snmp');
      const [, values] = counters.split('\n').filter(line => line.startsWith('Udp:'));
      return Number(values?.split(' ')[2]) > 0;
    };
    await eventually('a datagram in the container', arrived, 30_000).finally(() => {
      clearInterval(timer);
      socket.close();
    });
    await docker('rm', '--force', 'udp');
  });

  it('carries streams in both directions with their ends', async () => {
    const input = Buffer.alloc(3_000_000, 'abcdefg');
    const { stdout } = await command('docker', ['run', '--rm', '-i', 'busybox', 'cat'], {
      env,
      input,
      timeoutMs: 120_000,
    });
    expect(stdout).toBe(input.toString());
  });

  it('has a shell, whose exit code comes through', async () => {
    const told = await berth('shell', 'echo out; echo err >&2; exit 7');
    expect(told).toMatchObject({ code: 7, stdout: 'out\n', stderr: 'err\n' });
    expect(await inGuest('cat /proc/1/comm')).not.toBe('');
  });

  it('has a doctor who asks its engine how the keeper is', async () => {
    const findings = JSON.parse((await berth('doctor', '--json')).stdout) as Finding[];
    for (const asked of ['engine', 'keeper', 'control groups']) {
      expect(findings.find(({ check }) => check === asked)).toMatchObject({ outcome: 'good' });
    }
  });

  it('is started once', async () => {
    const again = await berth('up');
    expect(again.code).toBe(0);
    expect(again.stderr).toContain('berth is running already');
  });

  it('goes on when its host program is killed, and the next one takes it over with its ports', async () => {
    const before = await status();
    process.kill(before.hostPid, 'SIGKILL');
    await eventually('the host is gone', async () => (await status()).orphaned);
    await up();
    const after = await status();
    expect(after.state).toMatchObject({ status: 'running', adopted: true });
    expect(after.machinePid).toBe(before.machinePid);
    expect(await fetched(webPort)).toBe('hello');
  });

  it('starts its agent again when that is killed; containers and ports go on', async () => {
    await berth('shell', 'kill -9 $(cat /run/berth/engine.pid)');
    await eventually('the engine', async () => (await docker('ps', '--format', '{{.Names}}')).includes('web'), 60_000);
    expect(await eventually('the page', () => fetched(webPort), 30_000)).toBe('hello');
  });

  it('has the clock of the host, whatever it was set to', async () => {
    await inGuest('date -s @1000000000');
    process.kill((await status()).hostPid, 'SIGKILL'); // every new connection compares the clocks
    await eventually('the host is gone', async () => (await status()).orphaned);
    await up();
    const asked = Date.now();
    const guest = Number(await inGuest('/usr/lib/berth/node -p "Date.now()"'));
    expect(guest).toBeGreaterThan(asked - 100);
    expect(guest).toBeLessThan(Date.now() + 100);
  });

  it('that dies is told, and comes back with its data', async () => {
    process.kill((await status()).machinePid, 'SIGKILL');
    await eventually('the host noticed', async () => (await berth('status')).code === 3);
    expect(existsSync(join(home, 'docker.sock'))).toBe(false);
    await up();
    expect(await docker('images', '--format', '{{.Repository}}')).toContain('busybox');
  });

  it('whose kernel panics is told with its words', async () => {
    void inGuest('sync; echo c > /proc/sysrq-trigger').catch(() => undefined);
    await eventually('the host noticed', async () => (await berth('status')).code === 3);
    expect((await berth('logs')).stdout).toContain('Kernel panic - not syncing: sysrq triggered crash');
    await up();
  });

  it('begins where its first boot was kept, with a clock and random numbers of its own', async () => {
    expect(kept().map(file => statSync(file).mode & 0o777)).toEqual([0o600]);
    const random: string[] = [];
    for (let boot = 0; boot < 2; boot++) {
      await berth('down');
      expect((await up()).stderr).toContain('where an earlier boot was kept');
      const guest = Number(await inGuest('date +%s'));
      expect(Math.abs(guest - Date.now() / 1000)).toBeLessThan(2);
      random.push(await inGuest('cat /proc/sys/kernel/random/uuid'), await docker('create', 'busybox'));
    }
    expect(new Set(random).size).toBe(4);
  });

  it('boots afresh when what was kept is damaged', async () => {
    await berth('down');
    const [file = ''] = kept();
    truncateSync(file, 50_000_000);
    expect((await up()).stderr).not.toContain('where an earlier boot was kept');
    expect(await docker('images', '--format', '{{.Repository}}')).toContain('busybox');
    expect(kept()).toEqual([file]);
  });

  it('is ended in order, and says that it is not there', async () => {
    expect((await berth('down')).code).toBe(0);
    expect((await status()).state.status).toBe('stopped');
    expect(readFileSync(join(home, 'machine/console.log'), 'utf8')).toContain('Power down');
    expect((await berth('down')).stderr).toContain('berth is not running');
  });
});
