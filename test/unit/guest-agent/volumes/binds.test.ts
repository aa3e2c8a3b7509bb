import { describe, expect, it } from 'vitest';
import type { MountRequest } from '../../../../contracts/docker/host-config.ts';
import { type MountWishes, parseVolumesFrom, planMounts } from '../../../../guest-agent/volumes/binds.ts';
import { mergeTmpfsOptions } from '../../../../guest-agent/volumes/mount-modes.ts';

const native = { machine: false, exists: (path: string) => path !== '/missing' };
const machine = { ...native, machine: true };

const binds = (...specs: string[]) => planMounts({ hostConfig: { Binds: specs }, volumes: [] }, native);
const mounts = (...requests: MountRequest[]) => planMounts({ hostConfig: { Mounts: requests }, volumes: [] }, native);

describe('-v', () => {
  it('binds a path, names a volume, or makes an anonymous one', () => {
    expect(binds('/src/:/dst/', 'data:/data:ro', '/anonymous')).toMatchObject([
      { type: 'volume', name: '', destination: '/anonymous', rw: true, copy: true },
      { type: 'volume', name: 'data', destination: '/data', rw: false, mode: 'ro', propagation: '' },
      { type: 'bind', source: '/src', destination: '/dst', propagation: 'rprivate', createSource: true, copy: false },
    ]);
    expect(binds('v:/x:nocopy,z')[0]).toMatchObject({ copy: false, mode: 'nocopy,z' });
    expect(binds('/a:/b:ro,rslave,cached')[0]).toMatchObject({ rw: false, propagation: 'rslave' });
  });

  it.each([
    ['', "invalid volume specification: ''"],
    [':/x', "invalid volume specification: ':/x'"],
    ['/foo:rw', "invalid volume specification: '/foo:rw'"],
    ['a:b:c:d', "invalid volume specification: 'a:b:c:d'"],
    ['/a:/b:fast', 'invalid mode: fast'],
    ['/a:/b:ro,rw', 'invalid mode: ro,rw'],
    [
      'a:b',
      `invalid volume specification: 'a:b': invalid mount config for type "volume": invalid mount path: 'b' mount path must be absolute`,
    ],
    [
      '/a:/',
      `invalid volume specification: '/a:/': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
    ],
    [
      'v:/x/..',
      `invalid volume specification: 'v:/x/..': invalid mount config for type "volume": invalid specification: destination can't be '/'`,
    ],
  ])('%s is refused in words of Docker', (spec, message) => {
    expect(() => binds(spec)).toThrow(expect.objectContaining({ kind: 'invalid-argument', message }));
  });
});

describe('--mount', () => {
  it('knows binds, volumes and tmpfs', () => {
    expect(
      mounts(
        { Type: 'bind', Source: '/src', Target: '/b', ReadOnly: true, BindOptions: { NonRecursive: true } },
        { Type: 'volume', Target: '/v', VolumeOptions: { NoCopy: true, Labels: { a: 'b' } } },
        { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1024, Mode: 0o1777 } },
      ),
    ).toMatchObject([
      { type: 'bind', source: '/src', destination: '/b', rw: false, recursive: false, createSource: false },
      { type: 'tmpfs', destination: '/t', tmpfsOptions: ['noexec', 'nosuid', 'nodev', 'size=1024', 'mode=1777'] },
      { type: 'volume', name: '', destination: '/v', copy: false, labels: { a: 'b' } },
    ]);
  });

  it.each<[MountRequest, string]>([
    [
      { Type: 'bind', Source: '/missing', Target: '/x' },
      'invalid mount config for type "bind": bind source path does not exist: /missing',
    ],
    [{ Type: 'bind', Target: '/x' }, 'invalid mount config for type "bind": field Source must not be empty'],
    [{ Type: 'bind', Source: '/a' }, 'invalid mount config for type "bind": field Target must not be empty'],
    [
      { Type: 'bind', Source: 'a', Target: '/x' },
      `invalid mount config for type "bind": invalid mount path: 'a' mount path must be absolute`,
    ],
    [
      { Type: 'volume', Target: 'x' },
      `invalid mount config for type "volume": invalid mount path: 'x' mount path must be absolute`,
    ],
    [
      { Type: 'tmpfs', Source: '/a', Target: '/x' },
      'invalid mount config for type "tmpfs": field Source must not be specified',
    ],
    [{ Type: 'disk', Target: '/x' }, 'invalid mount config for type "disk": mount type unknown'],
  ])('%j is refused in words of Docker', (request, message) => {
    expect(() => mounts(request)).toThrow(expect.objectContaining({ kind: 'invalid-argument', message }));
  });
});

it('a place is taken once; image volumes fill what is free', () => {
  const wishes = { hostConfig: { Binds: ['/a:/x'], Tmpfs: { '/t': 'size=1m,exec' } }, volumes: ['/x/', '/y', '/t'] };
  expect(planMounts(wishes, native).map(mount => [mount.type, mount.destination])).toEqual([
    ['tmpfs', '/t'],
    ['bind', '/x'],
    ['volume', '/y'],
  ]);
  const twice = { hostConfig: { Binds: ['/a:/x', 'v:/x/'] }, volumes: [] };
  expect(() => planMounts(twice, native)).toThrow('Duplicate mount point: /x');
});

it('what --tmpfs and --mount both want is memory; what -v wants too is refused', () => {
  const seen = (wishes: Partial<MountWishes['hostConfig']>) =>
    planMounts({ hostConfig: { Tmpfs: { '/t/': 'size=1m' }, ...wishes }, volumes: [] }, native).map(
      ({ type, tmpfsOptions }) => [type, tmpfsOptions.at(-1)],
    );
  expect(seen({ Mounts: [{ Type: 'volume', Target: '/t' }] })).toEqual([
    ['volume', undefined],
    ['tmpfs', 'size=1m'],
  ]);
  expect(seen({ Mounts: [{ Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 2 } }] })).toEqual([
    ['tmpfs', 'size=2'],
  ]);
  expect(() => seen({ Binds: ['v:/t'] })).toThrow('Duplicate mount point: /t');
});

it('of --volumes-from the last one wins, and -v before all', () => {
  const [first, last, own] = binds('first:/a', 'last:/b', 'own:/c');
  const inherited = [first, last, own].flatMap(mount => (mount ? [{ ...mount, destination: '/x' }] : []));
  const names = (Binds: string[]) =>
    planMounts({ hostConfig: { Binds }, volumes: [], inherited }, native).map(({ name }) => name);
  expect(names([])).toEqual(['own']);
  expect(names(['mine:/x'])).toEqual(['mine']);
});

it('in the machine a folder of the host is refused by name', () => {
  const ask = (source: string) =>
    planMounts({ hostConfig: { Binds: [`${source}:/x`] }, volumes: [] }, machine).map(mount => mount.source);
  expect(ask('/var/run/docker.sock')).toEqual(['/var/run/docker.sock']);
  for (const source of ['/home/me/src', '/run/../home/me', '/running', '/']) {
    expect(() => ask(source)).toThrow(
      `invalid mount config for type "bind": ${source} is on the host, and sharing host folders with the machine is not there yet`,
    );
  }
});

it('--tmpfs options replace the defaults they contradict', () => {
  expect(mergeTmpfsOptions(['exec', 'size=64m'])).toEqual(['exec', 'nosuid', 'nodev', 'size=64m']);
  expect(() => mergeTmpfsOptions(['fast'])).toThrow('invalid tmpfs option "fast"');
});

it('--volumes-from names a container and perhaps a mode', () => {
  expect(parseVolumesFrom('web:ro')).toEqual({ container: 'web', rw: false });
  expect(parseVolumesFrom('web')).toEqual({ container: 'web', rw: undefined });
  expect(() => parseVolumesFrom('web:fast')).toThrow('invalid mode: fast');
  expect(() => parseVolumesFrom(':ro')).toThrow('malformed volumes-from specification: :ro');
});
