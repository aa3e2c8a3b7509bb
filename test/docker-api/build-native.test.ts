import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandResult } from '../support/command.ts';
import { keptFiles } from '../support/engine.ts';
import { engineForTests } from '../support/engine-for-tests.ts';
import { eventually } from '../support/eventually.ts';
import { busyboxArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';

const timeout = 120_000;

describe('docker build', { timeout }, () => {
  const engine = engineForTests();
  let folder: string;
  let config: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-build-'));
    config = await mkdtemp(join(tmpdir(), 'berth-buildx-'));
    const plugins = join(await fetchPeer(), 'usr/libexec/docker/cli-plugins');
    await writeFile(join(config, 'config.json'), JSON.stringify({ cliPluginsExtraDirs: [plugins] }));
    await engine().docker('load', '-i', await busyboxArchive());
  }, timeout);

  afterAll(async () => {
    for (const each of [folder, config]) await rm(each, { recursive: true, force: true });
  });

  const put = async (files: Record<string, string>): Promise<void> => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
  };
  const classic = (...args: string[]): Promise<CommandResult> =>
    engine().tryDocker(['build', ...args, folder], { env: { DOCKER_BUILDKIT: '0' } });
  const buildKit = (...args: string[]): Promise<CommandResult> =>
    engine().tryDocker(['build', '--progress=plain', '--provenance=false', ...args, folder], {
      env: { DOCKER_CONFIG: config, DOCKER_BUILDKIT: '1' },
    });
  const run = (image: string, command: string): Promise<string> =>
    engine().docker('run', '--rm', '-u', '0', '--entrypoint', 'sh', image, '-c', command);
  /** `[2/3] RUN x` → whether it was in the cache. */
  const steps = (output: string): Record<string, boolean> =>
    Object.fromEntries(
      [...output.matchAll(/^#(\d+) \[(?!internal)[^\]]*\] (\w+ .*)$/gm)].map(([, number, text = '']) => [
        text,
        output.includes(`\n#${number} CACHED`),
      ]),
    );

  it('by the old door says what the old builder said, and what is cached', async () => {
    await put({
      Dockerfile: 'FROM busybox\nENV A=1\nRUN echo hi && echo $A > /a\nCOPY one /b/\nCMD ["cat", "/a"]\n',
      one: '1',
    });
    const first = await classic('-t', 'old');
    const masked = first.stdout
      .replace(/[0-9a-f]{12}/g, 'ID')
      .split('\n')
      .slice(1)
      .join('\n');
    expect(masked).toMatchInlineSnapshot(`
      "Step 1/5 : FROM busybox
       ---> ID
      Step 2/5 : ENV A=1
       ---> ID
      Step 3/5 : RUN echo hi && echo $A > /a
       ---> Running in ID
      hi
       ---> Removed intermediate container ID
       ---> ID
      Step 4/5 : COPY one /b/
       ---> ID
      Step 5/5 : CMD ["cat", "/a"]
       ---> ID
      Successfully built ID
      Successfully tagged old:latest
      "
    `);
    const again = await classic('-t', 'old');
    expect(again.stdout.match(/Using cache/g)).toHaveLength(2);
    expect(again.stdout.split('\n').slice(-3)).toEqual(first.stdout.split('\n').slice(-3));
    expect(await engine().docker('run', '--rm', 'old')).toBe('1\n');
  });

  it('by the old door fails as the old builder failed', async () => {
    await put({ Dockerfile: 'FROM busybox\nRUN echo no; exit 3\n' });
    const { code, stderr } = await classic();
    expect(code).toBe(3);
    expect(stderr).toContain("The command '/bin/sh -c echo no; exit 3' returned a non-zero code: 3");
    await put({ Dockerfile: 'FROM busybox\nRUNN x\n' });
    expect((await classic()).stderr).toContain(
      'Error response from daemon: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)',
    );
  });

  it('by BuildKit runs again exactly the steps that a change concerns', async () => {
    const file = 'FROM busybox\nCOPY one /one\nRUN cat /one > /sum\nCOPY two /two\n';
    await put({ Dockerfile: file, one: '1', two: '2' });
    expect((await buildKit('-t', 'steps')).code).toBe(0);
    const names = ['COPY one /one', 'RUN cat /one > /sum', 'COPY two /two'] as const;
    const cached = async (...args: string[]): Promise<boolean[]> => {
      const told = steps((await buildKit('-t', 'steps', ...args)).stderr);
      return names.map(name => told[name] ?? false);
    };
    await utimes(join(folder, 'one'), new Date(0), new Date(0));
    expect(await cached()).toEqual([true, true, true]);
    await put({ two: 'changed' });
    expect(await cached()).toEqual([true, true, false]);
    await put({ one: 'changed' });
    expect(await cached()).toEqual([false, false, false]);
    await put({ one: '1', two: '2' });
    expect(await cached()).toEqual([true, true, true]);
    expect(await cached('--no-cache')).toEqual([false, false, false]);
  });

  it('mounts what RUN asks for, leaves out stages that nobody needs, and keeps no secret', async () => {
    await put({
      Dockerfile: `ARG BASE=busybox
FROM $BASE AS files
RUN echo from-stage > /file
FROM files AS unused
RUN exit 1
FROM busybox
RUN --mount=type=cache,target=/cache echo x >> /cache/n
RUN --mount=type=cache,target=/cache --mount=type=secret,id=token --mount=type=bind,from=files,target=/m,source=/ <<EOF
cat /cache/n /m/file /run/secrets/token | tr '\\n' ' ' > /tmp/got
EOF
COPY --from=files --chown=user:extra --chmod=0600 /file /home/
RUN stat -c '%u:%g %a' /home/file > /tmp/stat
`,
      secret: 'hush-hush',
    });
    const built = await buildKit('-t', 'mounts', '--secret', `id=token,src=${join(folder, 'secret')}`);
    expect(built.code, built.stderr).toBe(0);
    expect(await run('mounts', 'cat /tmp/got /tmp/stat; ls -d /cache /m /run 2>&1 | grep -v such || true')).toBe(
      'x from-stage hush-hush1000:2000 600\n',
    );
    await put({ Dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=token cp /run/secrets/token /dev/null\n' });
    expect((await buildKit('-t', 'quiet', '--secret', `id=token,src=${join(folder, 'secret')}`)).code).toBe(0);
    expect(await engine().docker('history', '--no-trunc', 'quiet')).not.toContain('hush');
    expect(await run('quiet', 'ls /run/secrets 2>&1 | grep -c token || true')).toBe('0\n');
  });

  it('shows where in the file a command failed', async () => {
    await put({ Dockerfile: 'FROM busybox\nRUN exit 7\n' });
    const { code, stderr } = await buildKit();
    expect(code).toBe(1);
    expect(stderr).toContain('   2 | >>> RUN exit 7\n');
    expect(stderr).toContain('process "/bin/sh -c exit 7" did not complete successfully: exit code: 7');
  });

  it('runs once what two builds want at once, and ends with its client', async () => {
    await put({ Dockerfile: 'FROM busybox\nRUN sleep 1; head -c8 /dev/urandom | od -x > /random\n' });
    await Promise.all([buildKit('-t', 'twin1'), buildKit('-t', 'twin2')]);
    expect(await run('twin1', 'cat /random')).toBe(await run('twin2', 'cat /random'));
    await put({ Dockerfile: 'FROM busybox\nRUN sleep 1000\n' });
    const { code } = await engine().tryDocker(['build', folder], {
      env: { DOCKER_CONFIG: config, DOCKER_BUILDKIT: '1' },
      timeoutMs: 3000,
    });
    expect(code).not.toBe(0);
    await eventually('no container is left', async () => (await engine().docker('ps', '-aq')) === '');
  });

  it('outlives the engine: what was built is in the cache of the next one', async () => {
    await put({ Dockerfile: 'FROM busybox\nRUN echo kept > /kept\n' });
    expect((await buildKit('-t', 'kept')).code).toBe(0);
    await put({ Dockerfile: 'FROM busybox\nRUN echo kept > /kept\nRUN sleep 1000\n' });
    const cut = buildKit();
    await eventually('the command runs', async () => (await engine().docker('ps', '-q')) !== '');
    await engine().kill();
    expect((await cut).code).not.toBe(0);
    await engine().restart();
    await put({ Dockerfile: 'FROM busybox\nRUN echo kept > /kept\n' });
    expect(steps((await buildKit('-t', 'kept')).stderr)).toEqual({
      'FROM docker.io/library/busybox:latest': true,
      'RUN echo kept > /kept': true,
    });
    expect(await engine().docker('ps', '-aq')).toBe('');
  });

  it('bakes a target on another one, lists what was built and what it left, and forgets it', async () => {
    await put({
      'docker-bake.json': JSON.stringify({
        target: {
          below: {
            'dockerfile-inline': 'FROM busybox\nRUN --mount=type=cache,target=/c echo below | tee /c/x > /below\n',
          },
          above: {
            contexts: { base: 'target:below' },
            'dockerfile-inline': 'FROM base\nRUN cat /below > /above\n',
            tags: ['above'],
          },
        },
      }),
    });
    const buildx = (...args: string[]): Promise<CommandResult> =>
      engine().tryDocker(['buildx', ...args], { env: { DOCKER_CONFIG: config } });
    const baked = await buildx('bake', '--progress=plain', '-f', join(folder, 'docker-bake.json'), 'above');
    expect(baked.code, baked.stderr).toBe(0);
    expect(await run('above', 'cat /above')).toBe('below\n');
    expect((await buildx('history', 'ls')).stdout).toContain('Completed');
    expect((await buildx('history', 'logs')).stderr).toContain('RUN cat /below > /above');
    await buildx('history', 'rm', '--all');
    expect((await buildx('history', 'ls')).stdout.trim().split('\n')).toHaveLength(1);
    expect((await buildx('du', '--filter', 'type=exec.cachemount', '--verbose')).stdout).toContain('cached mount /c');
    expect(await engine().docker('system', 'df', '-v')).toContain('exec.cachemount');
    await buildx('prune', '-af', '--filter', 'type=exec.cachemount');
    expect(await engine().docker('system', 'df', '-v')).not.toContain('exec.cachemount');
  });

  it('takes its context from the standard input', async () => {
    const context = pack();
    context.entry({ name: 'Dockerfile' }, 'FROM busybox\nCOPY file /\n');
    context.entry({ name: 'file' }, 'from a tar');
    context.finalize();
    const input = Buffer.concat(await Array.fromAsync(context as AsyncIterable<Buffer>));
    const env = { DOCKER_CONFIG: config, DOCKER_BUILDKIT: '1' };
    const { code, stderr } = await engine().tryDocker(['build', '-t', 'piped', '-'], { env, input });
    expect(code, stderr).toBe(0);
    expect(await run('piped', 'cat /file')).toBe('from a tar');
  });

  it('tells clients what goes by itself, and which address the host has', async () => {
    const { stdout } = await engine().tryDocker(['buildx', 'inspect'], { env: { DOCKER_CONFIG: config } });
    expect(stdout).toContain('GC Policy rule#3:\n All:            true\n');
    await put({ Dockerfile: 'FROM busybox\nRUN grep name-of-host /etc/hosts > /line\n' });
    const { code, stderr } = await buildKit('-t', 'hosts', '--add-host', 'name-of-host:host-gateway');
    expect(code, stderr).toBe(0);
    const [address] = (await run('hosts', 'cat /line')).split('\t');
    expect(stdout).toContain(`host-gateway-ip: ${address}\n`);
  });

  it('leaves nothing when all is pruned', async () => {
    await engine().docker('system', 'prune', '-af', '--volumes');
    await engine().docker('builder', 'prune', '-af');
    await engine().docker('system', 'prune', '-af');
    await eventually('no file is left', async () => (await keptFiles(engine())).length === 0);
  });
});
