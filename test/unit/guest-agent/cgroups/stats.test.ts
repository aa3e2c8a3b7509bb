import { expect, it } from 'vitest';
import { findHierarchies } from '../../../../guest-agent/cgroups/hierarchies.ts';
import { parseBlkio, parseIoStat, parseLimit } from '../../../../guest-agent/cgroups/stats.ts';

it('finds hierarchies, alone, together and named', () => {
  const mountinfo = [
    '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
    '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct',
    '40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/lib/x,name=systemd',
    '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
    '90 80 0:29 / /srv/chroot/sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
  ].join('\n');
  expect(findHierarchies(mountinfo, '/sys/fs/cgroup')).toEqual([
    { mountPoint: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
    { mountPoint: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'] },
  ]);
});

it('knows the words for no limit', () => {
  expect([parseLimit('max\n'), parseLimit('9223372036854771712\n'), parseLimit(''), parseLimit('4096\n')]).toEqual([
    undefined,
    undefined,
    undefined,
    4096,
  ]);
});

it('reads block counters of both versions', () => {
  const device = { major: 8, minor: 0, value: 4096 };
  const read = [{ ...device, operation: 'read' }];
  expect(parseBlkio('8:0 Read 4096\n8:0 Total 4096\nTotal 4096\n')).toEqual([
    { ...device, operation: 'Read' },
    { ...device, operation: 'Total' },
  ]);
  expect(parseBlkio('8:0 4096\n')).toEqual([{ ...device, operation: '' }]);
  expect(parseIoStat('8:0 rbytes=4096 rios=1 dbytes=0\n')).toEqual({
    serviceBytes: read,
    serviced: [{ ...read[0], value: 1 }],
  });
});
