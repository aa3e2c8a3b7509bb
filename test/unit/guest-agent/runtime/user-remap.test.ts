import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readUserRemap } from '../../../../guest-agent/runtime/user-remap.ts';

describe('userns-remap', () => {
  let etc: string;
  const write = (name: string, text: string): void => writeFileSync(join(etc, name), text);
  beforeEach(() => {
    etc = mkdtempSync(join(tmpdir(), 'etc-'));
    write('passwd', 'root:x:0:0::/:\nanna:x:1000:1000::/:\n');
    write('group', 'root:x:0:\nanna:x:1000:\nstaff:x:50:\n');
    write('subuid', '# ranges\nanna:300000:1000\nberta:200000:65536\nanna:100000:10\n');
    write('subgid', 'staff:400000:65536\nanna:500000:65536\n');
  });
  afterEach(() => rmSync(etc, { recursive: true }));

  it('takes the ranges of a user and of a group, by name or by number', () => {
    const uidMappings = [
      { containerID: 0, hostID: 100_000, size: 10 },
      { containerID: 10, hostID: 300_000, size: 1000 },
    ];
    for (const setting of ['anna:staff', '1000:50', 'anna:50'])
      expect(readUserRemap(setting, etc)).toEqual({
        uidMappings,
        gidMappings: [{ containerID: 0, hostID: 400_000, size: 65_536 }],
      });
    for (const setting of ['anna', '1000'])
      expect(readUserRemap(setting, etc).gidMappings).toEqual([{ containerID: 0, hostID: 500_000, size: 65_536 }]);
  });

  it('finds a range that nobody has by default, and finds it again', () => {
    const first = readUserRemap('default', etc);
    expect(first.uidMappings).toEqual([{ containerID: 0, hostID: 565_536, size: 65_536 }]);
    expect(readUserRemap('default', etc)).toEqual(first);
    expect(readFileSync(join(etc, 'subgid'), 'utf8')).toContain('\ndockremap:565536:65536\n');
  });

  it('says what is wrong', () => {
    expect(() => readUserRemap('a:b:c', etc)).toThrow('invalid user/group specification in --userns-remap: "a:b:c"');
    expect(() => readUserRemap('carla', etc)).toThrow('error during uid lookup for "carla"');
    expect(() => readUserRemap('root', etc)).toThrow(
      `can't create ID mappings: no subuid ranges found for user "root"`,
    );
  });
});
