import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RuntimeSpec } from '../../../contracts/oci/runtime-spec.ts';
import { spec, Workshop, whyNot } from './harness.ts';

const reason = whyNot();
const rootOutside = 123_000;

describe.skipIf(reason)('a container whose root is nobody outside', () => {
  let shop: Workshop;
  beforeAll(async () => {
    shop = await Workshop.open();
  });
  afterAll(() => shop.close());

  const remapped = (args: string[], change: (made: RuntimeSpec) => void = () => undefined): RuntimeSpec =>
    spec(args, made => {
      const mapping = [{ containerID: 0, hostID: rootOutside, size: 65536 }];
      made.linux.namespaces.push({ type: 'user' });
      Object.assign(made.linux, { uidMappings: mapping, gidMappings: mapping });
      change(made);
    });

  it('sees itself as root, its files as its own, and has what every container has', async () => {
    const script = `id -u; cat /proc/self/uid_map; stat -c '%u:%g' / /bin/busybox /dev /dev/null /proc/1 /tmp; hostname
      echo x >/dev/null && head -c 2 /dev/zero | wc -c; cat /proc/keys | wc -c; ls -d /sys/block; touch /made; umask`;
    const request = shop.request(remapped(['sh', '-c', script]));
    const { output } = await shop.finish(request, () => shop.runtime.launch(request));
    const owners = Array.from({ length: 6 }, () => '0:0');
    const lines = [
      '0',
      expect.stringMatching(/^ +0 +123000 +65536$/),
      ...owners,
      'box',
      '2',
      '0',
      '/sys/block',
      '0022',
      '',
    ];
    expect(output.split('\n')).toEqual(lines);
    const { uid, gid } = statSync(join(request.rootfs.upperdir, 'made'));
    expect([uid, gid]).toEqual([0, 0]); // as without the namespace: a layer may be shown to anybody
  });

  it('is nobody to the host: its files, its devices, its processes', async () => {
    const folder = join(shop.directory, 'host');
    mkdirSync(folder, { mode: 0o755 });
    writeFileSync(join(folder, 'secret'), 'the secret\n', { mode: 0o600 });
    const script = `stat -c %u /host/secret; cat /host/secret; touch /host/x; mknod /tmp/n c 1 3; echo done`;
    const made = remapped(['sh', '-c', script], ({ mounts }) => {
      mounts.push({ destination: '/host', type: 'bind', source: folder, options: ['rbind', 'rw'] });
    });
    const { output } = await shop.run(made);
    expect(output).toMatch(/^65534\n/);
    expect(output.match(/denied|not permitted/g)?.length).toBe(3);
    expect(output).not.toContain('the secret');
    const request = shop.request(remapped(['sleep', '1000']));
    const running = await shop.runtime.launch(request);
    expect(statSync(`/proc/${running.pid}`).uid).toBe(rootOutside);
    running.signal(9);
    await running.exited;
  });

  it('can be entered', async () => {
    const container = await shop.runtime.launch(shop.request(remapped(['sleep', '1000'])));
    const { process } = spec([
      'sh',
      '-c',
      'id -u; cat /proc/1/cmdline; readlink /proc/self/ns/user; readlink /proc/1/ns/user; touch /tmp/x && stat -c %u /tmp/x',
    ]);
    const { output } = await shop.runExec(container, process, { userNamespaceRoot: rootOutside });
    const [id, one, two, owner] = output.replace('sleep\x001000\x00', '').split('\n');
    expect([id, one, owner]).toEqual(['0', two, '0']);
    container.signal(9);
    await container.exited;
  });

  it('has a volume that is its own, when the mount says so', async () => {
    const folder = join(shop.directory, 'volume');
    mkdirSync(folder);
    const script = 'stat -c %u /v && touch /v/x && stat -c %u /v/x';
    const made = remapped(['sh', '-c', script], ({ mounts }) => {
      mounts.push({ destination: '/v', type: 'bind', source: folder, options: ['rbind', 'rw', 'idmap'] });
    });
    expect((await shop.run(made)).output).toBe('0\n0\n');
    expect(statSync(join(folder, 'x')).uid).toBe(0);
  });
});
