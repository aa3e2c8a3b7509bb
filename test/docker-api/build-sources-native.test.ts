import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer as createWebServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, command } from '../support/command.ts';
import { engineForTests } from '../support/engine-for-tests.ts';
import { busyboxArchive, pythonArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';
import { type Repositories, startRepositories } from '../support/repositories.ts';
import { buildxConfig } from './builds/play-build.ts';

const timeout = 120_000;
const token = 'not-to-be-seen-4711';

function hasGit(): boolean {
  try {
    execFileSync('git', ['--version']);
    return true;
  } catch {
    console.log('skipped: builds from repositories need git for the server');
    return false;
  }
}

const withGit = hasGit();

describe('what builds take from elsewhere', { timeout }, () => {
  const engine = engineForTests();
  let folder: string;
  let config: string;
  let repositories: Repositories;
  let commit: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-build-'));
    config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
    await engine().docker('load', '-i', await busyboxArchive());
    if (!withGit) return;
    repositories = await startRepositories(token);
    const lines = Array.from({ length: 20_000 }, (_, number) => `${number}\n`).join('');
    commit = await repositories.add('app', {
      Dockerfile: 'FROM busybox\nCOPY . /ctx\n',
      lines,
      'in/side/Dockerfile': 'FROM busybox\nCOPY . /side\n',
      'in/side/f': 'f\n',
    });
  }, timeout);

  afterAll(async () => {
    for (const each of [folder, config]) await rm(each, { recursive: true, force: true });
    await repositories?.stop();
  });

  const build = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> =>
    engine().tryDocker(['build', '--progress=plain', '--provenance=false', ...args], {
      env: { DOCKER_CONFIG: config, ...env },
    });
  const built = async (args: string[], env?: NodeJS.ProcessEnv): Promise<CommandResult> => {
    const result = await build(args, env);
    expect(result.code, result.stderr).toBe(0);
    return result;
  };
  const run = (image: string, ...words: string[]): Promise<string> => engine().docker('run', '--rm', image, ...words);

  describe.runIf(withGit)('repositories', () => {
    it('are contexts, by branch, tag, commit and folder', async () => {
      await built(['-t', 'git', `${repositories.url}/app.git`]);
      expect(await run('git', 'sh', '-c', 'ls /ctx; wc -l < /ctx/lines')).toBe('Dockerfile\nin\nlines\n20000\n');
      await built(['-t', 'side', `${repositories.url}/app.git#v1:in/side`]);
      expect(await run('side', 'ls', '/side')).toBe('Dockerfile\nf\n');
      await built([`${repositories.url}/app.git#${commit}`]);
      expect((await build([`${repositories.url}/app.git#nope`])).stderr).toContain(
        'repository does not contain ref nope',
      );
    });

    it('are opened with a token that nothing keeps', async () => {
      const address = `${repositories.url}/locked/app.git`;
      expect((await build([address])).stderr).toContain(`Authentication failed for '${address}'`);
      const { stderr } = await built(['-t', 'locked', '--secret', 'id=GIT_AUTH_TOKEN', address], {
        GIT_AUTH_TOKEN: token,
      });
      const seen = [stderr, await engine().docker('history', '--no-trunc', 'locked'), await engine().log()];
      expect(seen.join('\n')).not.toContain(token);
      const kept = await command('grep', ['-rl', token, engine().root, engine().execRoot]);
      expect(kept.stdout).toBe('');
    });

    it('give no token to the servers of repositories inside them', async () => {
      const seen: unknown[] = [];
      const other = createWebServer((asked, answer) => {
        seen.push(asked.headers.authorization);
        answer.writeHead(404).end();
      });
      await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
      const url = `http://user:hidden-4712@127.0.0.1:${(other.address() as AddressInfo).port}/x.git`;
      const modules = `[submodule "x"]\n\tpath = x\n\turl = ${url.replace('user:hidden-4712@', '')}\n`;
      await repositories.add('hostile', { Dockerfile: 'FROM busybox\nCOPY . /ctx\n', '.gitmodules': modules }, ['x']);
      const { stderr } = await build(['--secret', 'id=GIT_AUTH_TOKEN', `${repositories.url}/locked/hostile.git`], {
        GIT_AUTH_TOKEN: token,
      });
      expect(stderr).toContain('x.git');
      expect(seen).toEqual([undefined]);
      expect((await build([url])).stderr).toContain("fatal: repository 'http://xxxxx:xxxxx@127.0.0.1");
      expect((await build([url])).stderr).not.toContain('hidden-4712');
      other.closeAllConnections();
      other.close();
    });

    it('are added, with the folder in which git keeps them or without', async () => {
      const address = `${repositories.url}/app.git`;
      await writeFile(
        join(folder, 'Dockerfile'),
        `FROM busybox\nADD ${address} /plain\nADD --keep-git-dir=true --checksum=${commit} ${address} /kept\n`,
      );
      await built(['-t', 'added', folder]);
      expect(await run('added', 'sh', '-c', 'ls -A /plain; cat /kept/.git/HEAD')).toBe(
        `Dockerfile\nin\nlines\n${commit}\n`,
      );
      await writeFile(join(folder, 'Dockerfile'), `FROM busybox\nADD --checksum=${'0'.repeat(40)} ${address} /x\n`);
      expect((await build([folder])).code).not.toBe(0);
    });
  });

  it('is added from a server of this host, if it has the bytes that were asked for', async () => {
    const server = createWebServer(({ url }, response) => response.writeHead(url === '/f' ? 200 : 404).end('served'));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const add = (what: string): Promise<void> => writeFile(join(folder, 'Dockerfile'), `FROM busybox\nADD ${what}\n`);
    await add(`${address}/f /dir/`);
    await built(['-t', 'served', folder]);
    expect(await run('served', 'sh', '-c', 'stat -c %a /dir/f; cat /dir/f')).toBe('600\nserved');
    await add(`--checksum=sha256:${'0'.repeat(64)} ${address}/f /dir/`);
    expect((await build([folder])).stderr).toContain('digest mismatch');
    await add(`${address}/nope /dir/`);
    expect((await build([folder])).stderr).toContain('failed to load cache key: invalid response status 404\n');
    server.closeAllConnections();
    server.close();
  });

  it('comes to the same to the byte, by both doors, when nothing may be younger than a moment', async () => {
    await writeFile(
      join(folder, 'Dockerfile'),
      'FROM busybox\nRUN mkdir /a && date > /dev/null && echo 1 > /a/b\nCOPY f /f\nWORKDIR /w\n',
    );
    const ids = new Set<string>();
    for (const by of ['1', '0', '1']) {
      await writeFile(join(folder, 'f'), 'f');
      await utimes(join(folder, 'f'), new Date(), new Date());
      const flags = by === '1' ? ['--progress=plain', '--provenance=false'] : [];
      await engine().tryDocker(
        ['build', ...flags, '--no-cache', '--build-arg', 'SOURCE_DATE_EPOCH=1700000000', '-t', 'same', folder],
        { env: { DOCKER_CONFIG: config, DOCKER_BUILDKIT: by } },
      );
      ids.add(await engine().docker('image', 'inspect', '--format', '{{.Id}} {{.Created}}', 'same'));
    }
    expect([...ids]).toEqual([expect.stringContaining('2023-11-14T22:13:20')]);
    expect(await run('same', 'stat', '-c', '%Y', '/a/b', '/f', '/w')).toBe('1700000000\n1700000000\n1700000000\n');
  });

  it("speaks with the client's SSH agent, as whom the step runs", async () => {
    await engine().docker('load', '-i', await pythonArchive());
    const path = join(folder, 'agent');
    // asked for its identities (11) it says that it has none (12); draft-miller-ssh-agent
    const agent = createServer(socket =>
      socket.on('data', () => socket.write(Buffer.from('000000050c00000000', 'hex'))),
    );
    await new Promise<void>(resolve => agent.listen(path, resolve));
    await writeFile(
      join(folder, 'Dockerfile'),
      `FROM debian-python
USER 1000
RUN --mount=type=ssh,uid=1000,required stat -c '%u %a' $SSH_AUTH_SOCK && python3 -c "import os, socket; \\
  agent = socket.socket(socket.AF_UNIX); agent.connect(os.environ['SSH_AUTH_SOCK']); agent.sendall(bytes.fromhex('000000010b')); \\
  print(agent.recv(9, socket.MSG_WAITALL).hex())"
RUN test ! -e /run/buildkit/ssh_agent.0
`,
    );
    const { stderr } = await built(['--ssh', 'default', folder], { SSH_AUTH_SOCK: path });
    expect(stderr).toMatch(/^#\d+ [\d.]+ 1000 600$/m);
    expect(stderr).toMatch(/^#\d+ [\d.]+ 000000050c00000000$/m);
    expect((await build(['--no-cache', folder])).stderr).toContain('unset ssh forward key default');
    agent.close();
  });
});
