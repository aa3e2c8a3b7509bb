import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RuntimeSpec } from '../../../../contracts/oci/runtime-spec.ts';
import { editsOf, withEdits, withRequestedDevices } from '../../../../guest-agent/engine/cdi.ts';
import { readCdiSpecs } from '../../../../guest-agent/engine/cdi-spec.ts';

const root = mkdtempSync(join(tmpdir(), 'cdi-'));
const folders = [join(root, 'etc'), join(root, 'run')];
for (const folder of folders) mkdirSync(folder);
afterAll(() => rmSync(root, { recursive: true }));

const write = (folder: number, name: string, text: string): void =>
  writeFileSync(join(folders[folder] ?? '', name), text);

write(0, 'broken.json', '{');
write(
  0,
  'vendor.yaml',
  `
cdiVersion: 0.6.0
kind: vendor.com/class
containerEdits:
  env: [COMMON=1]
devices:
  - name: zero
    containerEdits:
      env: [WHO=etc]
  - name: one
    containerEdits:
      deviceNodes:
        - {path: /dev/vendor1, type: c, major: 240, minor: 1, permissions: rw}
      additionalGids: [44]
      mounts:
        - {hostPath: /opt/vendor, containerPath: /usr/lib/vendor, options: [ro, nosuid, bind]}
      hooks:
        - {hookName: createContainer, path: /opt/vendor/hook, args: [hook, ldcache]}
`,
);
write(
  1,
  'vendor.json',
  JSON.stringify({
    cdiVersion: '0.6.0',
    kind: 'vendor.com/class',
    devices: [{ name: 'zero', containerEdits: { env: ['WHO=run'] } }],
  }),
);

const spec = {
  process: { user: { uid: 0, gid: 0, additionalGids: [0] }, env: ['PATH=/bin'], args: [], cwd: '/' },
  mounts: [],
  linux: { namespaces: [] },
} as unknown as RuntimeSpec;

describe('CDI devices', () => {
  it('edit the specification, each document once', async () => {
    const names = ['vendor.com/class=one', 'vendor.com/class=zero'];
    const edited = withEdits(spec, editsOf(names, await readCdiSpecs(folders)));
    expect(edited).toMatchObject({
      process: { env: ['PATH=/bin', 'COMMON=1', 'WHO=run'], user: { additionalGids: [0, 44] } },
      mounts: [{ destination: '/usr/lib/vendor', source: '/opt/vendor', options: ['ro', 'nosuid', 'bind'] }],
      hooks: { createContainer: [{ path: '/opt/vendor/hook', args: ['hook', 'ldcache'] }] },
      linux: {
        devices: [{ path: '/dev/vendor1', type: 'c', major: 240, minor: 1 }],
        resources: { devices: [{ allow: true, type: 'c', major: 240, minor: 1, access: 'rw' }] },
      },
    });
  });

  it('that nobody knows are named in words of Docker', async () => {
    const specs = await readCdiSpecs(folders);
    expect(() => editsOf(['a.b/c=1', 'vendor.com/class=zero', 'x'], specs)).toThrow(
      'CDI device injection failed: unresolvable CDI devices a.b/c=1, x',
    );
    await expect(withRequestedDevices(spec, [{ Capabilities: [['gpu']], Count: -1 }])).rejects.toThrow(
      'could not select device driver "" with capabilities: [[gpu]]',
    );
    await expect(withRequestedDevices(spec, [{ Driver: 'cdi', Options: { a: 'b' } }])).rejects.toThrow(
      'unexpected options in CDI device request',
    );
  });
});
