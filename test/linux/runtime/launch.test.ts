import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultCapabilities, spec, Workshop, whyNot } from './harness.ts';

const reason = whyNot();

describe.skipIf(reason)('a launched container', () => {
  let shop: Workshop;
  beforeAll(async () => {
    shop = await Workshop.open();
  });
  afterAll(() => shop.close());

  const sh = (script: string) => spec(['sh', '-c', script]);

  it('has a keeper that can fork', async () => {
    expect(await shop.runtime.status()).toEqual({ keeperPid: expect.any(Number), canary: 'ok' });
  });

  it('runs, writes and ends with its own code', async () => {
    expect(await shop.run(spec(['echo', 'hello', 'world']))).toMatchObject({ exitCode: 0, output: 'hello world\n' });
    expect(await shop.run(sh('exit 37'))).toMatchObject({ exitCode: 37 });
    expect(await shop.run(sh('kill -9 $$; kill -TERM 1; sleep 1; exit 3'))).toMatchObject({ exitCode: 3 });
  });

  it('is PID 1 of its own world', async () => {
    const { output } = await shop.run(sh('echo $$; hostname; pwd; umask; cd /proc; echo [0-9]*'));
    expect(output).toBe('1\nbox\n/\n0022\n1\n');
  });

  it('gets exactly its environment', async () => {
    const made = spec(['env'], ({ process }) => {
      process.env = ['PATH=/bin', 'GREETING=grüß dich', 'EMPTY='];
    });
    expect((await shop.run(made)).output).toBe('PATH=/bin\nGREETING=grüß dich\nEMPTY=\n');
  });

  it('has the capabilities of the spec, none inheritable and none ambient', async () => {
    const { output } = await shop.run(sh('grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status'));
    const bits = '00000000a80425fb'; // Docker's fourteen
    expect(defaultCapabilities).toHaveLength(14);
    expect(output.replaceAll('\t', ' ').split('\n').slice(0, 6)).toEqual([
      'CapInh: 0000000000000000',
      `CapPrm: ${bits}`,
      `CapEff: ${bits}`,
      `CapBnd: ${bits}`,
      'CapAmb: 0000000000000000',
      'NoNewPrivs: 0',
    ]);
  });

  it('runs as another user with groups, who may reopen his output', async () => {
    const made = spec(
      ['sh', '-c', 'id -u; id -g; id -G; grep CapEff /proc/self/status; echo again > /dev/stdout'],
      ({ process }) => {
        process.user = { uid: 1000, gid: 1001, additionalGids: [5, 7], umask: 0o027 };
      },
    );
    const { output } = await shop.run(made);
    expect(output).toBe(
      '1000\n1001\n1001 5 7\nCapEff:\t00000000a80425fb\nagain\n'.replace('00000000a80425fb', '0000000000000000'),
    );
  });

  it('cannot read what is masked nor write what is read-only', async () => {
    const { output } = await shop.run(
      sh(`wc -c < /proc/keys; ls /proc/acpi /sys/firmware | grep -v : | wc -w
          echo 1 > /proc/sys/kernel/panic; echo $?; touch /sys/x; echo $?; touch /sys/fs/cgroup/x; echo $?`),
    );
    expect(output.split('\n').filter(line => /^\d+$/.test(line))).toEqual(['0', '0', '1', '1', '1']);
    expect(output).toContain('Read-only file system');
  });

  it('keeps its changes in its own layer, unless its root is read-only', async () => {
    const request = shop.request(sh('echo mine > /tmp/file; cat /tmp/file'));
    expect(await shop.finish(request, () => shop.runtime.launch(request))).toMatchObject({ output: 'mine\n' });
    expect(readFileSync(join(request.rootfs.upperdir, 'tmp/file'), 'utf8')).toBe('mine\n');
    const readonly = spec(['sh', '-c', 'touch /x; echo $?; touch /dev/shm/x; echo $?'], made => {
      made.root.readonly = true;
    });
    expect((await shop.run(readonly)).output).toMatch(/Read-only file system\n1\n0\n$/);
  });

  it('sets sysctls of its own namespaces', async () => {
    const made = spec(
      ['cat', '/proc/sys/net/ipv4/ip_unprivileged_port_start', '/proc/sys/kernel/shm_rmid_forced'],
      ({ linux }) => {
        linux.sysctl = { 'net.ipv4.ip_unprivileged_port_start': '0', 'kernel.shm_rmid_forced': '1' };
      },
    );
    expect((await shop.run(made)).output).toBe('0\n1\n');
  });

  it('makes its working directory when it is missing', async () => {
    const made = spec(['pwd'], ({ process }) => {
      process.cwd = '/var/deep/down';
    });
    expect((await shop.run(made)).output).toBe('/var/deep/down\n');
  });

  it('says what is wrong with its command', async () => {
    const attempt = (args: string[]) => shop.run(spec(args));
    await expect(attempt(['nope'])).rejects.toMatchObject({ step: 'execve', code: 'ENOENT', subject: 'nope' });
    await expect(attempt(['/nope'])).rejects.toMatchObject({ step: 'execve', code: 'ENOENT', subject: '/nope' });
    await expect(attempt(['/etc/no-program'])).rejects.toMatchObject({ step: 'execve', code: 'EACCES' });
    await expect(attempt(['/tmp'])).rejects.toMatchObject({ step: 'execve', code: 'EACCES' });
  });

  it('clamps limits to what this host allows', async () => {
    const made = spec(['sh', '-c', 'ulimit -n; ulimit -c'], ({ process }) => {
      process.rlimits = [
        { type: 'RLIMIT_NOFILE', soft: 123, hard: 456 },
        { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
        { type: 'RLIMIT_MSGQUEUE', soft: -1, hard: -1 },
      ];
    });
    expect((await shop.run(made)).output).toBe('123\n0\n');
  });

  it('leaves no descriptor open and ignores no signal', async () => {
    expect((await shop.run(spec(['ls', '/proc/self/fd']))).output).toBe('0\n1\n2\n3\n'); // 3 is what ls reads
    const { output } = await shop.run(spec(['grep', '-E', '^Sig(Blk|Ign)', '/proc/self/status']));
    expect(output.replaceAll('\t', ' ')).toBe('SigBlk: 0000000000000000\nSigIgn: 0000000000000000\n');
  });
});
