import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { RuntimeSpec } from '../../../contracts/oci/runtime-spec.ts';
import { defaultMaskedPaths, defaultReadonlyPaths } from '../../../guest-agent/engine/default-spec.ts';
import { keeperProgram, type LaunchRequest } from '../../../guest-agent/runtime/index.ts';
import { launchPlan } from '../../../guest-agent/runtime/launch-plan.ts';
import { writeSaved } from '../../../guest-agent/runtime/saved-process.ts';
import { eventually } from '../../support/eventually.ts';
import { shows, spec, Workshop, whyNot } from './harness.ts';

const reason = whyNot();

describe.skipIf(reason)('a keeper', () => {
  let shop: Workshop;
  beforeEach(async () => {
    shop = await Workshop.open();
  });
  afterEach(() => shop.close());

  const keeperPid = async (): Promise<number> => (await shop.runtime.status()).keeperPid;

  async function childrenOfKeeper(): Promise<string[]> {
    const pid = await keeperPid();
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').match(/\d+/g) ?? [];
  }

  const processes = async (): Promise<string[]> => (await readdir('/proc')).filter(name => /^\d+$/.test(name));

  /** What the kernel shows of those that have not just ended. */
  const shown = async (pids: string[], file: string): Promise<string> =>
    (await Promise.all(pids.map(pid => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')))).join('');

  /** Those that a launch could leave behind: others come and go with what else this host does. */
  const mountsOf = (pid: number | 'self'): string[] =>
    readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
      .split('\n')
      .filter(line => line.includes(shop.directory) || !/^(\S+ ){4}\/(run|tmp)\//.test(line));

  /** True once the keeper has a pidfd of it. */
  async function isHeld(pid: string): Promise<boolean> {
    const folder = `/proc/${await keeperPid()}/fdinfo`;
    return (await Promise.all(readdirSync(folder).map(fd => readFile(`${folder}/${fd}`, 'utf8').catch(() => '')))).some(
      info => info.includes(`\nPid:\t${pid}\n`),
    );
  }

  /** Everything that a launch could leave behind. */
  async function holdings() {
    const pid = await keeperPid();
    return {
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      children: (await childrenOfKeeper()).length,
      mounts: mountsOf('self'),
      keeperMounts: mountsOf(pid),
    };
  }

  /** What is held when nothing runs: the zygote, and the next spare child. */
  async function idleHoldings(): ReturnType<typeof holdings> {
    await eventually('the spare child is the only one, and known', async () => {
      const children = await childrenOfKeeper();
      const spares = (await shown(children, 'status')).matchAll(/^NSpid:\t(\d+)\t1$/gm).toArray();
      return children.length === 2 && spares.length === 1 && (await isHeld(spares[0]?.[1] ?? ''));
    });
    await shop.keeperDone();
    return holdings();
  }

  it('keeps containers, exits and terminals while the engine is gone', async () => {
    const stdin = shop.fifo('ending', 'in');
    const stdout = shop.fifo('ending', 'out');
    const stdio = { terminal: false as const, stdin, stdout, stderr: stdout };
    const requests: LaunchRequest[] = [
      shop.request(spec(['sleep', '1000'])),
      shop.request(spec(['sh', '-c', 'read word; exit 23']), { stdio }),
      shop.request(spec(['cat']), { stdio: { terminal: true, size: { rows: 24, columns: 80 } } }),
    ];
    const pid = await keeperPid();
    const engine = spawn(process.execPath, ['test/linux/runtime/fake-engine.ts', shop.execRoot], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    engine.stdin.end(JSON.stringify(requests));
    const [launched] = await once(engine.stdout, 'data');
    const pids: number[] = JSON.parse(String(launched));
    await shop.runtime.close({ stopKeeper: false });
    engine.kill('SIGKILL');
    await once(engine, 'exit');
    writeFileSync(stdin, 'end\n');
    await eventually('one ends meanwhile', () => !existsSync(`/proc/${pids[1]}`));
    shop.runtime = await shop.openRuntime();
    expect(await keeperPid()).toBe(pid);
    const found = await shop.runtime.reattach();
    expect(found.map(held => held.id)).toEqual(requests.map(request => request.id));
    const [sleeper, ended, terminal] = found;
    expect(await ended?.exited).toMatchObject({ exitCode: 23, finishedAt: expect.any(Date) });
    sleeper?.signal(9);
    expect(await sleeper?.exited).toMatchObject({ exitCode: 137 });
    const master = terminal?.openTerminal() ?? -1;
    writeSync(master, 'still here\n');
    await shows(master, 'still here\r\nstill here\r\n'); // the terminal's echo, and the program's
    terminal?.signal(9);
    await terminal?.exited;
    closeSync(master);
    for (const { id } of found) shop.runtime.forget(id);
    expect(await shop.runtime.reattach()).toEqual([]);
  });

  it('is replaced when it dies, and its containers go on', async () => {
    const container = await shop.runtime.launch(
      shop.request(spec(['sh', '-c', 'while [ ! -e /tmp/stop ]; do sleep 0.05; done; exit 9'])),
    );
    const dead = await keeperPid();
    process.kill(dead, 'SIGKILL');
    await expect.poll(async () => [dead, 0].includes(await keeperPid())).toBe(false);
    const exec = await shop.runExec(container, spec(['touch', '/tmp/stop']).process);
    expect(exec).toMatchObject({ exitCode: 0 });
    const status = await container.exited;
    // The kernel tells how a stranger's child ended since Linux 6.15.
    expect([9, 255]).toContain(status.exitCode);
    shop.runtime.forget(container.id);
  });

  it('lets nothing be left behind by any step that fails', async () => {
    const made = spec(['true'], ({ linux, process, root }) => {
      linux.sysctl = { 'net.ipv4.ip_forward': '1' };
      process.rlimits = [{ type: 'RLIMIT_CORE', soft: 0, hard: 0 }];
      root.readonly = true;
    });
    const change = { stdio: { terminal: true as const, size: { rows: 10, columns: 10 } } };
    await shop.run(made, change);
    const before = await idleHoldings();
    const { steps } = launchPlan(shop.request(made, change), {
      cgroups: { version: 2 },
      mountPoint: '/',
      hasKcore: true,
    });
    for (let step = 0; step < steps.length; step++)
      await expect(shop.run(made, { ...change, failAtStep: step })).rejects.toMatchObject({ code: 'EINJECTED' });
    expect(await idleHoldings()).toEqual(before);
    expect(await shop.run(made, change)).toMatchObject({ exitCode: 0 });
  });

  it('holds after two hundred launches what it held before', async () => {
    for (let index = 0; index < 5; index++) await shop.run(spec(['true']));
    const before = await idleHoldings();
    for (let index = 0; index < 200; index++) await shop.run(spec(['true']));
    expect(await idleHoldings()).toEqual(before);
  });

  const cat = (file: string): RuntimeSpec =>
    spec(['cat', file], ({ linux }) => {
      linux.maskedPaths = [...defaultMaskedPaths];
      linux.readonlyPaths = [...defaultReadonlyPaths];
    });

  /** What a container's mountinfo shows but for what is another in each. */
  const places = ({ output }: { output: string }): string[] =>
    output
      .trim()
      .split('\n')
      .map(line => line.replace(/^\d+ \d+ \d+:\d+ |\/[0-9a-f]{64}|\S+dir\+?=\S+/g, ''));

  it('shows the same mounts in the same places, whether they were made ahead or not', async () => {
    await idleHoldings();
    const all = await Promise.all(Array.from({ length: 4 }, () => shop.run(cat('/proc/self/mountinfo'))));
    const [first, ...others] = all.map(places);
    expect(first?.[0]).toContain('/ / ');
    for (const other of others) {
      expect(other[0]).toContain('/ / ');
      expect(other.toSorted()).toEqual(first?.toSorted());
    }
  });

  describe('that knows whose launch is near', () => {
    const launch = (request: LaunchRequest) => shop.finish(request, () => shop.runtime.launch(request));

    /** Gives a request whose root the waiting child has mounted already. */
    async function begun(made: RuntimeSpec) {
      await idleHoldings();
      const request = shop.request(made);
      shop.runtime.expectLaunch(request);
      await eventually('its root is mounted', async () => (await standing()).includes(request.rootfs.upperdir));
      return request;
    }

    /** The mounts of the child that waits. */
    async function standing(): Promise<string> {
      return shown(await childrenOfKeeper(), 'mountinfo');
    }

    it('goes on from its root', async () => {
      const plain = places(await shop.run(cat('/proc/self/mountinfo')));
      const ahead = places(await launch(await begun(cat('/proc/self/mountinfo'))));
      expect(ahead[0]).toContain('/ / ');
      expect(ahead.toSorted()).toEqual(plain.toSorted());
    });

    const withSysctl = ({ linux }: RuntimeSpec): void => {
      linux.sysctl = { 'net.ipv4.ip_forward': '1' };
    };
    const withNothingMasked = ({ linux }: RuntimeSpec): void => {
      linux.maskedPaths = [];
    };
    const withSmallDev = ({ mounts }: RuntimeSpec): void => {
      mounts.find(({ destination }) => destination === '/dev')?.options?.push('size=1m');
    };
    const withSharedMount = ({ mounts }: RuntimeSpec): void => {
      mounts.push({ destination: '/mnt', source: '/tmp', type: 'bind', options: ['rbind', 'rshared'] });
    };

    it.each([withSysctl, withNothingMasked, withSmallDev, withSharedMount])('runs one %o as well', async change => {
      const made = cat('/proc/sys/net/ipv4/ip_forward');
      change(made);
      expect(await launch(await begun(made))).toMatchObject({ exitCode: 0, output: expect.stringMatching(/^[01]\n$/) });
    });

    it('begins anew for one with another root', async () => {
      const { rootfs: expected, ...request } = await begun(cat('/proc/self/mountinfo'));
      const { rootfs } = shop.request(spec([]));
      const { exitCode, output } = await launch({ ...request, rootfs });
      expect([exitCode, output.includes(rootfs.upperdir), output.includes(expected.upperdir)]).toEqual([
        0,
        true,
        false,
      ]);
    });

    it('leaves it to that one, and lets go of it when it is not started after all', async () => {
      const before = await idleHoldings();
      const request = await begun(cat('/proc/self/mountinfo'));
      const other = await shop.run(cat('/proc/self/mountinfo'));
      expect(other.output).not.toContain(request.rootfs.upperdir);
      shop.runtime.forget(request.id);
      await shop.keeperDone();
      await eventually('it is gone', async () => !(await standing()).includes(request.rootfs.upperdir));
      expect(await idleHoldings()).toEqual(before);
    });

    it('lets go of it when the engine is gone', async () => {
      const request = await begun(spec(['true']));
      const pid = await keeperPid();
      await shop.runtime.close({ stopKeeper: false });
      shop.runtime = await shop.openRuntime();
      expect(await keeperPid()).toBe(pid);
      await eventually('it is gone', async () => !(await standing()).includes(request.rootfs.upperdir));
      expect(await launch(request)).toMatchObject({ exitCode: 0 });
    });
  });

  it('makes another zygote when somebody has killed it', async () => {
    await idleHoldings();
    const [zygote = ''] = await childrenOfKeeper();
    process.kill(Number(zygote), 'SIGKILL');
    for (let count = 0; count < 3; count++) expect(await shop.run(spec(['true']))).toMatchObject({ exitCode: 0 });
    await idleHoldings();
    expect(await childrenOfKeeper()).not.toContain(zygote);
  });

  it('launches several at once', async () => {
    const codes = await Promise.all(
      Array.from({ length: 20 }, (_, index) => shop.run(spec(['sh', '-c', `exit ${index}`]))),
    );
    expect(codes.map(({ exitCode }) => exitCode)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it('launches others while one is held up', async () => {
    const file = join(shop.directory, 'go-on');
    const hook = { path: '/bin/sh', args: ['sh', '-c', `while [ ! -e ${file} ]; do sleep 0.05; done`] };
    const waiting = shop.run(
      spec(['sh', '-c', 'exit 5'], made => {
        made.hooks = { createContainer: [hook] };
      }),
    );
    await eventually('the hook runs', async () =>
      (await shown(await processes(), 'cmdline')).includes(`while [ ! -e ${file} ]`),
    );
    const codes = Array.from({ length: 40 }, (_, index) => 50 + index);
    const others = await Promise.all(codes.map(code => shop.run(spec(['sh', '-c', `exit ${code}`]))));
    expect(others.map(({ exitCode }) => exitCode)).toEqual(codes);
    writeFileSync(file, '');
    expect(await waiting).toMatchObject({ exitCode: 5 });
    await idleHoldings();
  });

  it('on a Node that cannot be forked says so at every start, instead of starting what would hang', async () => {
    const keeper = [process.execPath, join(import.meta.dirname, 'unforkable-keeper.ts')];
    const runtime = await shop.openRuntime({ execRoot: join(shop.directory, 'unforkable'), keeper });
    onTestFinished(() => runtime.close({ stopKeeper: true }));
    const { canary } = await runtime.status();
    expect(canary).toBe('a forked child hangs');
    await expect(runtime.launch(shop.request(spec(['true'])))).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(`^containers cannot be started by Node .* on Linux .*: ${canary}`),
    });
  });

  it('that the init of a machine has under way is waited for; one that died is replaced', async () => {
    const execRoot = join(shop.directory, 'announced');
    mkdirSync(execRoot);
    const note = join(execRoot, 'keeper.starting');
    const [node = '', ...args] = keeperProgram('dist/keeper.cjs');
    const announced = spawn(node, [...args, execRoot], { env: {} });
    writeFileSync(note, `${announced.pid}\n`);
    const gone = new Promise(resolve => announced.once('exit', resolve));
    const first = await shop.openRuntime({ execRoot });
    expect((await first.status()).keeperPid).toBe(announced.pid);
    expect(existsSync(note)).toBe(false);
    await first.close({ stopKeeper: true });
    await gone;
    writeFileSync(note, `${announced.pid}\n`);
    const second = await shop.openRuntime({ execRoot });
    onTestFinished(() => second.close({ stopKeeper: true }));
    expect((await second.status()).canary).toBe('ok');
  });

  it('takes no successor for a container whose end it would not be told', async () => {
    const tools = join(shop.directory, 'tools');
    const numberFile = join(tools, 'pid');
    mkdirSync(tools);
    // CRIU leaves a sibling of itself; this one has a child.
    const stray = `#!/bin/sh
while [ "$1" != --pidfile ]; do shift; done
sleep 1000 &
echo $! | tee "$2" >${numberFile}
`;
    writeFileSync(join(tools, 'criu'), stray, { mode: 0o755 });
    writeSaved(tools, { version: 1, mounts: [], files: [], hasNetwork: false });
    vi.stubEnv('PATH', `${tools}:${process.env.PATH}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    const before = await idleHoldings();
    await expect(shop.runtime.launch(shop.request(spec(['true']), { checkpoint: tools }))).rejects.toThrow(
      'the program has left a child of its own, not of its parent',
    );
    const pid = readFileSync(numberFile, 'utf8').trim();
    await eventually('the child has ended', async () => !/\) [RSD]/.test(await shown([pid], 'stat')));
    expect(await idleHoldings()).toEqual(before);
  });

  it('refuses the same name twice and a second keeper', async () => {
    const request = shop.request(spec(['sleep', '1000']));
    await shop.runtime.launch(request);
    await expect(shop.runtime.launch(request)).rejects.toMatchObject({ code: 'EEXIST' });
    const second = spawn(process.execPath, ['dist/keeper.cjs', shop.execRoot]);
    expect(await new Promise(resolve => second.on('exit', resolve))).toBe(3);
  });

  it('cannot be traced, debugged or looked into', async () => {
    const pid = await keeperPid();
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(status).toMatch(/^TracerPid:\t0$/m);
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toBe('');
    process.kill(pid, 'SIGUSR1');
    expect((await shop.runtime.status()).canary).toBe('ok');
    expect(readFileSync('/proc/net/tcp', 'utf8')).not.toContain(':240D'); // 9229, the inspector's port
  });
});
