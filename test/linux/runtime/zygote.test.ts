import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RuntimeSpec } from '../../../contracts/oci/runtime-spec.ts';
import { eventually } from '../../support/eventually.ts';
import { spec, Workshop, whyNot } from './harness.ts';

const reason = whyNot();

describe.skipIf(reason)('launches that follow each other in one memory', () => {
  let shop: Workshop;
  beforeEach(async () => {
    shop = await Workshop.open();
  });
  afterEach(() => shop.close());

  /** The keeper's children by their pids in their own PID namespaces: the zygote has none, the child that waits is 1. */
  async function children(): Promise<{ zygote: number | undefined; waiting: number | undefined }> {
    const { keeperPid } = await shop.runtime.status();
    const pids = readFileSync(`/proc/${keeperPid}/task/${keeperPid}/children`, 'utf8').match(/\d+/g) ?? [];
    const inner = pids.map(pid => readFileSync(`/proc/${pid}/status`, 'utf8').match(/^NSpid:\t\d+(?:\t(\d+))?$/m)?.[1]);
    const pidOf = (number: string | undefined): number | undefined => {
      const index = inner.indexOf(number);
      return index === -1 ? undefined : Number(pids[index]);
    };
    return { zygote: pidOf(undefined), waiting: pidOf('1') };
  }

  /** A launch now is made by the child that waits. */
  async function ready(): Promise<{ zygote: number; waiting: number }> {
    return eventually('a child waits', async () => {
      const { zygote, waiting } = await children();
      if (zygote === undefined || waiting === undefined) throw new Error('none does');
      return { zygote, waiting };
    });
  }

  const everything = spec([
    'sh',
    '-c',
    'cat /proc/self/status /proc/self/limits /proc/self/oom_score_adj /proc/sys/kernel/hostname; umask; pwd; env; ls -l /proc/self/fd /proc/self/ns; cat /proc/self/mountinfo',
  ]);

  /** What a container finds, but for the numbers that are another in each. */
  async function found(): Promise<string> {
    await ready();
    const { output, exitCode } = await shop.run(everything);
    expect(exitCode).toBe(0);
    return output
      .replace(/^(Vm|Rss|Hugetlb|\w*voluntary|Pid|Tgid|Ngid|PPid|NS\w+|Mems|Cpus|THP|x86|untag).*\n/gm, '')
      .replace(/^\d+ \d+ \d+:\d+ /gm, '')
      .replace(/[0-9a-f]{4}a{60}/g, '')
      .replace(/\S+ +\d+ 20\d\d|[A-Z][a-z]{2} +\d+ +[\d:]+|\[\d+\]|\/proc\/\d+|pipe:\S+/g, '');
  }

  const odd = (change: (spec: RuntimeSpec) => void = () => undefined): RuntimeSpec =>
    spec(['sh', '-c', 'id -u; umask'], made => {
      const { process } = made;
      process.user = { uid: 1234, gid: 4321, additionalGids: [7, 8], umask: 0o77 };
      process.cwd = '/tmp';
      process.env = ['PATH=/bin', `LONG=${'x'.repeat(100_000)}`];
      process.capabilities = { bounding: ['CAP_KILL'], permitted: ['CAP_KILL'], effective: ['CAP_KILL'] };
      process.oomScoreAdj = 500;
      process.noNewPrivileges = true;
      process.rlimits = [
        { type: 'RLIMIT_NOFILE', soft: 77, hard: 99 },
        { type: 'RLIMIT_DATA', soft: 1 << 28, hard: 1 << 28 },
        { type: 'RLIMIT_FSIZE', soft: 1 << 20, hard: 1 << 20 },
      ];
      made.hostname = 'odd';
      made.domainname = 'domain';
      change(made);
    });

  /** Returns ALLOW for every call. */
  const filter = Buffer.from([0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]);

  it('find the same, whatever the one before was given', async () => {
    const before = await found();
    const { zygote } = await ready();
    expect(await shop.run(odd(), { seccompFilter: filter })).toMatchObject({ exitCode: 0, output: '1234\n0077\n' });
    expect(await found()).toBe(before);
    expect(await ready()).toMatchObject({ zygote });
  });

  it('go on after one that could not become its program, or failed on its way there', async () => {
    const before = await found();
    const { zygote } = await ready();
    const noCommand = odd(({ process }) => {
      process.args = ['not-there'];
    });
    const noProgram = odd(({ process }) => {
      process.args = ['/etc/no-program'];
    });
    const noMount = odd(({ mounts }) => {
      mounts.push({ destination: '/tmp', source: '/not/there', type: 'bind', options: ['rbind'] });
    });
    for (const made of [noCommand, noProgram, noMount]) {
      await ready();
      await expect(shop.run(made, { seccompFilter: filter })).rejects.toThrow();
      expect(await found()).toBe(before);
    }
    expect(await ready()).toMatchObject({ zygote });
  });

  it('begin anew where one was killed before it was a program', async () => {
    const first = await ready();
    process.kill(first.waiting, 'SIGKILL');
    await eventually('the zygote has gone with it', async () => (await children()).zygote !== first.zygote);
    expect(await shop.run(odd())).toMatchObject({ exitCode: 0 });
    expect((await ready()).zygote).not.toBe(first.zygote);
    expect(await shop.run(odd())).toMatchObject({ exitCode: 0 });
  });

  it('begin anew where one was killed in the middle of its plan', async () => {
    const first = await ready();
    const stuck = odd(made => {
      made.hooks = { createContainer: [{ path: '/bin/sleep', args: ['sleep', '60'] }] };
    });
    const launch = shop.run(stuck).catch(String);
    await eventually('its hook runs', () =>
      readFileSync(`/proc/${first.waiting}/task/${first.waiting}/children`, 'utf8').trim(),
    );
    process.kill(first.waiting, 'SIGKILL');
    expect(await launch).toMatch(/died while it was prepared/);
    expect(await shop.run(odd())).toMatchObject({ exitCode: 0 });
    expect((await ready()).zygote).not.toBe(first.zygote);
  });

  it('leave nothing in the memory that they share', async () => {
    const { zygote } = await ready();
    const resident = (): number =>
      Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${zygote}/status`, 'utf8'))?.[1]);
    const launches = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++)
        expect(await shop.run(odd())).toMatchObject({ exitCode: 0, output: '1234\n0077\n' });
    };
    await launches(100);
    const before = resident();
    await launches(300);
    expect(await ready()).toMatchObject({ zygote });
    expect(resident() - before).toBeLessThan(4096);
  });
});
