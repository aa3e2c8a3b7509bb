import { closeSync, mkdirSync, readFileSync, readlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RuntimeSpec } from '../../../contracts/oci/runtime-spec.ts';
import { capabilityNames } from '../../../guest-agent/syscalls/identity.ts';
import { shows, spec, Workshop, whyNot } from './harness.ts';

const reason = whyNot();

describe.skipIf(reason)('a container that shares', () => {
  let shop: Workshop;
  beforeAll(async () => {
    shop = await Workshop.open();
  });
  afterAll(() => shop.close());

  it('joins the namespaces of another', async () => {
    const first = await shop.runtime.launch(shop.request(spec(['sleep', '1000'])));
    const of = (name: string): string => `/proc/${first.pid}/ns/${name}`;
    const links = (script: string) =>
      spec(['sh', '-c', script], made => {
        made.linux.namespaces = [
          { type: 'pid', path: of('pid') },
          { type: 'network', path: of('net') },
          { type: 'ipc', path: of('ipc') },
          { type: 'uts', path: of('uts') },
          { type: 'mount' },
          { type: 'cgroup' },
        ];
        made.hostname = 'not-mine';
      });
    const { output } = await shop.run(
      links('hostname; for n in net ipc uts pid; do readlink /proc/self/ns/$n; done; cat /proc/1/comm'),
    );
    const expected = ['net', 'ipc', 'uts', 'pid'].map(name => readlinkSync(of(name)));
    expect(output.trim().split('\n')).toEqual(['box', ...expected, 'sleep']);
    first.signal(9);
    await first.exited;
    shop.runtime.forget(first.id);
  });

  it('sees the host where it has no namespace, and does not rename it', async () => {
    const before = readFileSync('/proc/sys/kernel/hostname', 'utf8');
    const made = spec(['sh', '-c', 'hostname; readlink /proc/self/ns/net; readlink /proc/self/ns/pid'], ({ linux }) => {
      linux.namespaces = [{ type: 'mount' }];
    });
    const { output } = await shop.run(made);
    expect(output).toBe(`${before}${readlinkSync('/proc/self/ns/net')}\n${readlinkSync('/proc/self/ns/pid')}\n`);
    expect(readFileSync('/proc/sys/kernel/hostname', 'utf8')).toBe(before);
  });

  it('has binds: read-only, of files, nested, propagated by nobody', async () => {
    const source = join(shop.directory, 'shared');
    mkdirSync(join(source, 'inner'), { recursive: true });
    writeFileSync(join(source, 'file'), 'content\n');
    const made = spec(
      ['sh', '-c', 'cat /made/on/the/way; touch /ro/x; echo $?; touch /rw/x; echo $?; cat /rw/inner/f'],
      ({ mounts }) => {
        mounts.push(
          { destination: '/ro', type: 'bind', source, options: ['rbind', 'ro'] },
          { destination: '/rw', type: 'bind', source, options: ['rbind'] },
          { destination: '/rw/inner/f', type: 'bind', source: join(source, 'file'), options: ['bind'] },
          { destination: '/made/on/the/way', type: 'bind', source: join(source, 'file'), options: ['bind', 'ro'] },
        );
      },
    );
    const { output } = await shop.run(made);
    expect(output).toBe('content\ntouch: /ro/x: Read-only file system\n1\n0\ncontent\n');
  });

  it('refuses a bind of nothing, and names it', async () => {
    const made = spec(['true'], ({ mounts }) => {
      mounts.push({ destination: '/x', type: 'bind', source: '/not/there', options: ['rbind'] });
    });
    await expect(shop.run(made)).rejects.toMatchObject({ step: 'bind', code: 'ENOENT', subject: '/not/there' });
  });

  it('has a terminal as its console', async () => {
    const stdio = { terminal: true as const, size: { rows: 40, columns: 132 } };
    const made = spec(['sh', '-c', 'tty; stty size; echo to the console > /dev/console; read word; echo got $word']);
    const container = await shop.runtime.launch(shop.request(made, { stdio }));
    const master = container.openTerminal();
    expect(await shows(master, 'to the console\r\n')).toBe('/dev/pts/0\r\n40 132\r\nto the console\r\n');
    writeSync(master, 'me\n');
    expect(await shows(master, 'got me\r\n')).toBe('me\r\ngot me\r\n');
    expect(await container.exited).toMatchObject({ exitCode: 0 });
    closeSync(master);
    shop.runtime.forget(container.id);
  });

  it('starts its program through an init', async () => {
    const container = await shop.run(spec(['echo', 'hello']), { init: '/bin/busybox' }).catch(error => error);
    // busybox takes the name that it is called by for an applet: it has none of that name, so it is the init that ran.
    expect(container).toMatchObject({
      exitCode: 127,
      output: expect.stringContaining('docker-init: applet not found'),
    });
  });

  it('may have every capability that there is', async () => {
    const made = spec(['grep', 'CapEff', '/proc/self/status'], ({ process }) => {
      const all = [...capabilityNames];
      process.capabilities = { bounding: all, permitted: all, effective: all };
    });
    const bounding = /CapBnd:\s+(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    expect((await shop.run(made)).output).toBe(`CapEff:\t${bounding}\n`);
  });

  it('is confined by its filter, with and without new privileges', async () => {
    const made = (nnp: boolean): RuntimeSpec =>
      spec(['grep', '-E', '^(NoNewPrivs|Seccomp):', '/proc/self/status'], ({ process }) => {
        process.noNewPrivileges = nnp;
        process.user = { uid: 1000, gid: 1000 };
      });
    for (const nnp of [false, true]) {
      const { output } = await shop.run(made(nnp), { seccompFilter: allowAll });
      expect(output).toBe(`NoNewPrivs:\t${nnp ? 1 : 0}\nSeccomp:\t2\n`);
    }
  });

  it('cannot fail to load a filter unnoticed', async () => {
    const broken = Buffer.from('ffff000000000000', 'hex');
    await expect(shop.run(spec(['true']), { seccompFilter: broken })).rejects.toMatchObject({
      step: 'execve',
      code: 'EINVAL',
    });
  });
});

/** One instruction: return SECCOMP_RET_ALLOW. */
const allowAll = Buffer.from('06000000' + '0000ff7f', 'hex');
