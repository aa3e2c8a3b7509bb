import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type NativeEngine, startNativeEngine } from '../support/engine.ts';
import { busyboxArchive } from '../support/images.ts';
import { resourceTests } from './resources.ts';

let engine: NativeEngine;

beforeAll(async () => {
  engine = await startNativeEngine();
});

afterAll(() => engine.stop());

resourceTests('the native engine', () => engine);

it('devices of a vendor are found, edited in, and their hooks run before the root is', {
  timeout: 60_000,
}, async () => {
  const folder = '/var/run/cdi';
  const isNew = !existsSync(folder);
  const document = join(folder, `berth-test-${process.pid}.yaml`);
  const told = join(tmpdir(), `berth-hook-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    document,
    `
cdiVersion: 0.6.0
kind: berth.test/class
devices:
  - name: one
    containerEdits:
      env: [VENDOR=yes]
      deviceNodes: [{path: /dev/vendor, hostPath: /dev/null}]
      hooks: [{hookName: createContainer, path: /bin/sh, args: [sh, -c, 'cat > ${told}']}]
`,
  );
  try {
    await engine.docker('load', '--quiet', '--input', await busyboxArchive());
    const flags = ['--rm', '--device', 'berth.test/class=one'];
    const script = 'echo $VENDOR; echo x > /dev/vendor && stat -c %F /dev/vendor';
    const printed = await engine.docker('run', ...flags, 'busybox', 'sh', '-c', script);
    expect(printed).toBe('yes\ncharacter special file\n');
    expect(JSON.parse(readFileSync(told, 'utf8'))).toMatchObject({ status: 'creating', bundle: expect.any(String) });
    const { stderr } = await engine.tryDocker(['run', '--rm', '--device', 'berth.test/class=two', 'busybox', 'true']);
    expect(stderr).toContain('CDI device injection failed: unresolvable CDI devices berth.test/class=two');
  } finally {
    rmSync(document);
    rmSync(told, { force: true });
    if (isNew) rmSync(folder, { recursive: true });
  }
});
