import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandResult } from '../../support/command.ts';
import { fetchPeer } from '../../support/peer.ts';
import { engineToAttack, usable } from './fixture.ts';

describe.skipIf(!usable)('a hostile build', { timeout: 120_000 }, () => {
  const host = engineToAttack();
  const { treasure } = host;
  const folder = mkdtempSync(join(tmpdir(), 'hostile-build-'));
  const config = mkdtempSync(join(tmpdir(), 'hostile-buildx-'));

  beforeAll(async () => {
    const plugins = join(await fetchPeer(), 'usr/libexec/docker/cli-plugins');
    writeFileSync(join(config, 'config.json'), JSON.stringify({ cliPluginsExtraDirs: [plugins] }));
  }, 120_000);
  afterAll(() => {
    for (const each of [folder, config]) rmSync(each, { recursive: true });
  });

  const build = (dockerfile: string, ...more: string[]): Promise<CommandResult> => {
    writeFileSync(join(folder, 'Dockerfile'), dockerfile);
    const args = ['build', '--progress=plain', '--provenance=false', '--no-cache', ...more, folder];
    return host.engine.tryDocker(args, { env: { DOCKER_CONFIG: config, DOCKER_BUILDKIT: '1' } });
  };

  it('mounts nothing of the host by a source or a target that is a link (CVE-2024-23651)', async () => {
    const { code, stdout, stderr } = await build(`FROM busybox AS linked
RUN ln -s ${treasure.folder} /out && ln -s ../../../../../../../..${treasure.folder} /climbs
FROM linked
RUN --mount=type=bind,from=linked,source=/out,target=/m cat /m/* || true
RUN --mount=type=bind,from=linked,source=/climbs,target=/m cat /m/* || true
RUN --mount=type=cache,target=/out echo x > /out/x
RUN --mount=type=cache,id=c,target=/c ln -s ${treasure.folder} /c/sub
RUN --mount=type=cache,id=c,source=sub,target=/c cat /c/file; touch /c/new || true
`);
    expect(stdout + stderr, `code ${code}`).not.toContain(treasure.secret);
    treasure.assertUntouched();
  });

  it('has nothing outside cleared away when it moves what a mount had needed (CVE-2024-23652)', async () => {
    await build(`FROM busybox
RUN --mount=type=tmpfs,target=/stub/file sh -c 'mv /stub /moved; ln -s ${treasure.folder} /stub'
RUN --mount=type=cache,target=/other/file sh -c 'mv /other /there; ln -s ${treasure.folder} /other'
`);
    treasure.assertUntouched();
  });

  it('gets no more rights than a container by asking for them (CVE-2024-23653)', async () => {
    const asks = (flag: string): string => `FROM busybox\nRUN ${flag} true\n`;
    expect((await build(asks('--security=insecure'))).stderr).toContain(
      'dockerfile parse error on line 2: unknown flag: --security',
    );
    expect((await build(asks('--security=insecure'), '--allow', 'security.insecure')).stderr).toContain(
      'granting entitlement security.insecure is not allowed by build daemon configuration',
    );
    expect((await build(asks('--network=host'))).stderr).toContain('network.host is not allowed');
    expect((await build(asks('--network=host'), '--allow', 'network.host')).code).toBe(0);
    expect((await build(asks(''), '--network', 'host')).code).toBe(0);
  });
});
