import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runHello, textOfRawStream } from '../../../../src/command-line/hello.ts';
import { progressLines } from '../../../../src/command-line/progress.ts';
import { type Status, statusLines } from '../../../../src/command-line/status.ts';
import {
  imageNeeds,
  installCommand,
  missingForNative,
  remedyFor,
  together,
} from '../../../../src/command-line/system-packages.ts';
import { proxySettings } from '../../../../src/integration/index.ts';
import { defaultSettings, homeAt, homeFolder, readSettings } from '../../../../src/settings/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const berth = (...args: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, '../../../../src/command-line/main.ts'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, BERTH_HOME: join(folder, 'home') },
  });

describe('berth', () => {
  it('explains itself, and tells wrong usage from failure', () => {
    const help = berth('--help');
    expect(help.status).toBe(0);
    for (const command of ['up', 'down', 'status', 'doctor', 'logs', 'shell', 'context', 'image', 'volume', 'engine']) {
      expect(help.stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    }
    expect(help.stdout).toContain('Exit codes:');
    expect(berth('--bogus').status).toBe(2);
    expect(berth('engine').stderr).toContain("required option '--root <folder>' not specified");
    const shell = berth('shell');
    expect(shell.status).toBe(1);
    expect(shell.stderr).toContain('`berth up` starts it');
  });

  it('that is not up says so to people and to programs', () => {
    const status = berth('status', '--json');
    expect(status.status).toBe(3);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: { status: 'stopped' }, orphaned: false, hostPid: null });
    expect(berth('down').stderr).toContain('berth is not running');
    expect(berth('down').status).toBe(0);
  });

  it('prints how to make a context without making one', () => {
    expect(berth('context', '--print', '--name', 'x').stdout).toBe(
      `docker context create x --docker host=unix://${join(folder, 'home', 'docker.sock')}\n`,
    );
  });
});

describe('the home', () => {
  it('is BERTH_HOME, else where the platform keeps programs’ data', () => {
    expect(homeFolder({ BERTH_HOME: '/x' }, 'linux', '/home/u')).toBe('/x');
    expect(homeFolder({}, 'linux', '/home/u')).toBe('/home/u/.local/share/berth');
    expect(homeFolder({}, 'darwin', '/Users/u')).toBe('/Users/u/Library/Application Support/Berth');
    expect(homeFolder({ LOCALAPPDATA: '/L' }, 'win32', '/u')).toBe(join('/L', 'Berth'));
    expect(homeAt('/x', 'linux').dockerHost).toBe('unix:///x/docker.sock');
  });

  it('has settings that are checked, with defaults that fit the computer', () => {
    const file = join(folder, 'settings.json');
    expect(readSettings(file, defaultSettings(4, 16 * 1024 ** 3))).toMatchObject({ cpus: 4, memoryMiB: 4096 });
    writeFileSync(file, '{"memoryMiB": 3000}');
    expect(readSettings(file).memoryMiB).toBe(3000);
    writeFileSync(file, '{"cpus": "many"}');
    expect(() => readSettings(file)).toThrow('cpus must be a whole number from 1 to 64');
    writeFileSync(file, '{');
    expect(() => readSettings(file)).toThrow('is not JSON');
  });
});

it('proxies on this computer’s loopback are named as the guest sees them', () => {
  expect(
    proxySettings({ HTTP_PROXY: 'http://127.0.0.1:3128', https_proxy: 'proxy.corp:8080', NO_PROXY: '.corp' }),
  ).toEqual({
    http: 'http://10.0.2.2:3128',
    https: 'http://proxy.corp:8080',
    no: '.corp',
  });
  expect(proxySettings({ NO_PROXY: 'x' })).toBeUndefined();
});

it('one command installs what is missing, by system', () => {
  expect(installCommand(['qemu-system-x86'], 'linux', 'ID=debian')).toBe(
    'sudo apt-get install --no-install-recommends qemu-system-x86',
  );
  expect(installCommand(['a', 'b'], 'linux', 'ID=mint\nID_LIKE="ubuntu debian"')).toContain('apt-get');
  expect(installCommand([], 'darwin', '')).toBe('brew install qemu');
  expect(installCommand(['qemu-system-x86', 'zstd'], 'linux', 'ID=fedora')).toBe(
    'sudo dnf install qemu-system-x86-core zstd',
  );
  expect(installCommand(['libnftables1'], 'linux', 'ID=arch')).toBe('sudo pacman -S nftables');
  expect(installCommand([], 'linux', 'ID=plan9')).toBeUndefined();
});

it('what is missing is installed by root where that is apt-get’s work, and else asked for at once', () => {
  const need = together({ programs: ['qemu'], packages: ['q'] }, { programs: ['cpio', 'zstd'], packages: ['c', 'z'] });
  expect(remedyFor(together(), true, 'sudo apt-get …')).toBe('nothing');
  expect(remedyFor(need, true, 'sudo apt-get …')).toEqual({
    aptGet: ['install', '--yes', '--no-install-recommends', 'q', 'c', 'z'],
  });
  const refusal = 'qemu, cpio, zstd are not installed. Type: sudo apt-get … q c z';
  expect(remedyFor(need, false, 'sudo apt-get … q c z')).toEqual({ refusal });
  expect(remedyFor(need, true, 'sudo dnf …')).toEqual({
    refusal: 'qemu, cpio, zstd are not installed. Type: sudo dnf …',
  });
  expect(remedyFor(need, true, undefined)).toHaveProperty('refusal');
});

it('every program that builds the machine image is one that is looked for, or in every Debian', () => {
  const everywhere = ['cp', 'du', 'find', 'npm', 'sync', 'tar'];
  const folder = join(import.meta.dirname, '../../../../vm-image');
  const sources = globSync('**/*.ts', { cwd: folder }).map(file => readFileSync(join(folder, file), 'utf8'));
  const called = sources.flatMap(source => [...source.matchAll(/\brun\(\s*'([\w-]+)'/g)].map(([, name = '']) => name));
  expect(called).toContain('mmdebstrap');
  const lookedFor = new Set([...everywhere, ...Object.keys(imageNeeds)]);
  expect(called.filter(name => !lookedFor.has(name))).toEqual([]);
});

it('the libraries of a native engine are looked for as the loader does', () => {
  const line = (name: string): string => `\t${name} (libc6,x86-64) => /lib/x86_64-linux-gnu/${name}\n`;
  expect(missingForNative(line('libnftables.so.1'))).toEqual({
    programs: ['libseccomp.so.2'],
    packages: ['libseccomp2'],
  });
  expect(missingForNative(line('libnftables.so.1') + line('libseccomp.so.2')).packages).toEqual([]);
});

it('progress is a line per phase, written once where there is no terminal', () => {
  const written: string[] = [];
  const show = progressLines({ write: text => written.push(text) });
  show({ phase: 'kernel', title: 'kernel' });
  show({ phase: 'kernel', title: 'kernel', ms: 2345 });
  show({ phase: 'image', title: 'machine image', ms: 12_345, detail: 'x' });
  expect(written).toEqual(['   2.35 s  kernel\n', '   12.3 s  machine image: x\n']);
});

it('a machine without its host program is told apart from one that is stopped', () => {
  const status: Status = {
    ...{
      home: '/h',
      mode: 'machine',
      state: { status: 'stopped' },
      orphaned: true,
      dockerHost: 'unix:///h/docker.sock',
    },
    ...{ hostPid: null, machinePid: 7, engineVersion: null, ports: [] },
  };
  expect(statusLines(status)[0]).toContain('without a host program');
  expect(statusLines({ ...status, orphaned: false })[0]).toBe('state        stopped');
});

describe('hello', () => {
  const frame = (text: string): Buffer => {
    const head = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
    head.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };

  it('reads frames, also one that is cut short', () => {
    expect(textOfRawStream(Buffer.concat([frame('a\n'), frame('bc')]))).toBe('a\nbc');
    expect(textOfRawStream(frame('hello').subarray(0, 10))).toBe('he');
  });

  it('loads, runs and removes its container', async () => {
    const asked: string[] = [];
    const replies: Record<string, string | Buffer> = {
      'POST /images/load?quiet=1': '{"stream":"Loaded image: hello-berth:latest\\n"}\n',
      'POST /containers/create': '{"Id":"c1","Warnings":[]}',
      'POST /containers/c1/wait': '{"StatusCode":0}',
      'GET /containers/c1/logs?stdout=1&stderr=1': frame('Hello\n'),
    };
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      request.resume().on('end', () => response.end(replies[`${request.method} ${request.url}`] ?? ''));
    });
    const socketPath = join(folder, 'engine.sock');
    await new Promise<void>(resolve => server.listen(socketPath, resolve));
    writeFileSync(join(folder, 'hello.tar'), 'tar');
    expect(await runHello({ socketPath }, join(folder, 'hello.tar'))).toEqual({ output: 'Hello\n', exitCode: 0 });
    expect(asked).toContain('POST /containers/c1/start');
    expect(asked.at(-1)).toBe('DELETE /containers/c1?force=1');
    expect(await runHello({ socketPath }, join(folder, 'none.tar'))).toBeUndefined();
    server.close();
  });
});
