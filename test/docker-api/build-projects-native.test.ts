import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, command, succeed } from '../support/command.ts';
import { engineForTests } from '../support/engine-for-tests.ts';
import { busyboxArchive, toolchainsArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';
import { buildxConfig } from './builds/play-build.ts';

const timeout = 120_000;

/** An application as they are: tested where it is built, packed into one file, run by somebody who is not root. */
const python: Readonly<Record<string, string>> = {
  Dockerfile: `# syntax=docker/dockerfile:1
ARG BASE=debian-toolchains
FROM $BASE AS build
WORKDIR /src
COPY --link requirements.txt ./
COPY app ./app
COPY tests ./tests
RUN --mount=type=cache,target=/root/.cache,sharing=locked \\
    PYTHONPYCACHEPREFIX=/root/.cache/pycache python3 -m compileall -q app
RUN --mount=type=tmpfs,target=/tmp python3 -m unittest discover -s tests -t .
ARG VERSION=dev
RUN <<EOF
set -e
echo "version = '$VERSION'" > app/version.py
python3 -m zipapp app --main cli:main --output /greet.pyz
EOF

FROM $BASE
LABEL org.opencontainers.image.title=greet
ENV PYTHONUNBUFFERED=1
WORKDIR /opt/greet
COPY --from=build --chmod=0644 /greet.pyz ./
USER 1000:1000
HEALTHCHECK --interval=30s CMD ["python3", "greet.pyz", "--check"]
ENTRYPOINT ["python3", "greet.pyz"]
CMD ["world"]
`,
  '.dockerignore': '**/__pycache__\n*.md\n',
  'README.md': 'Not for the image.\n',
  'requirements.txt': '',
  'app/__init__.py': '',
  'app/greeting.py': "def greeting(name):\n    return f'hello, {name}'\n",
  'app/cli.py': `import os, sys
from greeting import greeting

def main():
    from version import version
    print(greeting(sys.argv[1]), version, os.getuid())
`,
  'tests/__init__.py': '',
  'tests/test_greeting.py': `import unittest
from app.greeting import greeting

class GreetingTest(unittest.TestCase):
    def test_says_hello(self):
        self.assertEqual(greeting('you'), 'hello, you')
`,
};

/** What this machine's npm says of itself; '' for what nobody has set. */
async function npmConfig(key: string): Promise<string> {
  const value = (await succeed('npm', ['config', 'get', key])).trim();
  return value === 'null' || value === 'undefined' ? '' : value;
}

/** How npm in a build comes to the registry that npm comes to here: its settings, and whom to believe. */
async function npmSecrets(file: string): Promise<string[]> {
  const [registry, proxy, cafile] = await Promise.all(['registry', 'https-proxy', 'cafile'].map(npmConfig));
  const authorities = cafile || process.env.NODE_EXTRA_CA_CERTS;
  const settings = [
    `registry=${registry}`,
    'fetch-retries=1',
    ...(proxy ? [`https-proxy=${proxy}`] : []),
    ...(authorities ? ['cafile=/authorities.pem'] : []),
  ];
  await writeFile(file, settings.join('\n'), { mode: 0o600 });
  const given = [`id=npmrc,src=${file}`, ...(authorities ? [`id=authorities,src=${authorities}`] : [])];
  return given.flatMap(secret => ['--secret', secret]);
}

/** The folder of this machine's npm; undefined, and said why, where no Node application can be built by it. */
async function npmFolder(): Promise<string | undefined> {
  const program = (await succeed('sh', ['-c', 'readlink -f "$(command -v npm)"'])).trim();
  const folder = dirname(dirname(program));
  const { code } = await command('npm', ['view', 'dns-packet', 'version'], { timeoutMs: 30_000 });
  if (code === 0 && existsSync(join(folder, 'node_modules'))) return folder;
  console.log(`skipped: ${code === 0 ? 'this npm cannot be copied' : "npm's registry is out of reach"}`);
  return undefined;
}

describe('real projects are built', { timeout }, () => {
  const engine = engineForTests();
  let root: string;
  let folder: string;
  let config: string;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-project-'));
    folder = join(root, 'python');
    config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
    for (const archive of [toolchainsArchive, busyboxArchive]) {
      await engine().docker('load', '-q', '-i', await archive());
    }
    for (const name of ['c', 'node']) {
      await cp(join(import.meta.dirname, 'projects', name), join(root, name), { recursive: true });
    }
    for (const [path, text] of Object.entries(python)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
  }, 900_000);

  afterAll(async () => {
    for (const each of [root, config]) await rm(each, { recursive: true, force: true });
  });

  const tryBuild = (tag: string, place: string, ...args: string[]): Promise<CommandResult> =>
    engine().tryDocker(['build', '--progress=plain', '--provenance=false', '-t', tag, ...args, place], {
      env: { DOCKER_CONFIG: config },
    });
  const build = (...args: string[]): Promise<CommandResult> => tryBuild('greet', folder, ...args);
  /** What it said. */
  const built = async (...args: Parameters<typeof tryBuild>): Promise<string> => {
    const { code, stderr } = await tryBuild(...args);
    expect(code, stderr).toBe(0);
    return stderr;
  };

  it('a Python application: tested, packed and run; a test that fails ends the build', async () => {
    const first = await build('--build-arg', 'VERSION=1.2');
    expect(first.code, first.stderr).toBe(0);
    expect(first.stderr).toContain('Ran 1 test');
    expect(await engine().docker('run', '--rm', 'greet')).toBe('hello, world 1.2 1000\n');
    expect(await engine().docker('run', '--rm', 'greet', 'you')).toBe('hello, you 1.2 1000\n');

    await writeFile(join(folder, 'README.md'), 'Changed, and ignored.\n');
    const again = await build('--build-arg', 'VERSION=1.3');
    expect(again.stderr).not.toContain('Ran 1 test'); // only what comes after ARG is made anew
    expect(await engine().docker('run', '--rm', 'greet')).toBe('hello, world 1.3 1000\n');

    await writeFile(join(folder, 'app/greeting.py'), "def greeting(name):\n    return f'bye, {name}'\n");
    const broken = await build();
    expect(broken.code).not.toBe(0);
    expect(broken.stderr).toContain("AssertionError: 'bye, you' != 'hello, you'");
    expect(broken.stderr).toContain('>>> RUN --mount=type=tmpfs,target=/tmp python3 -m unittest discover');
  });

  it('a C program: compiled in one stage, run in an image of nothing else; only what changed is compiled again', async () => {
    const place = join(root, 'c');
    const compiled = (stderr: string): string[] =>
      [...stderr.matchAll(/ -c -o \S+ (\S+)/g)].map(([, file = '']) => file);
    expect(compiled(await built('count', place)).sort()).toEqual(['lines.c', 'main.c']);
    const counted = await engine().tryDocker(['run', '--rm', '-i', 'count'], { input: 'a\nb\nc\n' });
    expect(counted).toMatchObject({ code: 0, stdout: '3 lines\n', stderr: '' });
    expect(await engine().docker('image', 'inspect', '--format', '{{len .RootFS.Layers}}', 'count')).toBe('1\n');

    await appendFile(join(place, 'main.c'), '/* nothing new */\n');
    expect(compiled(await built('count-tools', place, '--target', 'tools'))).toEqual(['main.c']);
    expect(await engine().docker('run', '--rm', 'count-tools', 'seq 5 | count')).toBe('5 lines\n');

    await writeFile(join(place, 'lines.c'), '#include "lines.h"\nlong lines_of(FILE *file) { return fileno(file); }\n');
    const broken = await tryBuild('count', place);
    expect(broken.code).not.toBe(0);
    expect(broken.stderr).toMatch(/make: \*\*\* \[Makefile:\d+: check\] Error 1/);
  });

  it("a Node application: npm ci by this machine's way to the registry, once; then from the cache mount alone", async context => {
    const npm = await npmFolder();
    if (npm === undefined) return context.skip();
    const place = join(root, 'node');
    await writePackage(place, '1.0.0');
    const args = ['--build-context', `npm=${npm}`, ...(await npmSecrets(join(root, 'npmrc')))];
    expect(await built('ask', place, ...args)).toMatch(/added 2 packages/);
    expect(await engine().docker('run', '--rm', 'ask')).toBe('example.com production 1000\n');
    expect(await engine().docker('run', '--rm', '-u', '0', '--entrypoint', 'ls', 'ask', '-A', '/root')).not.toContain(
      '.npm',
    );

    await writePackage(place, '1.0.1');
    const again = await built('ask', place, ...args, '--network=none', '--build-arg', 'MORE=--offline');
    expect(again).toMatch(/added 2 packages/);
    expect(await engine().docker('run', '--rm', 'ask', 'example.org')).toBe('example.org production 1000\n');
  });
});

/** A package that needs one other, and by it a third, of which this project's own lock file says what they are. */
async function writePackage(folder: string, version: string): Promise<void> {
  const lock = JSON.parse(await readFile(join(import.meta.dirname, '../../package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  const needed = ['node_modules/dns-packet', 'node_modules/@leichtgewicht/ip-codec'];
  const dependencies = { 'dns-packet': lock.packages['node_modules/dns-packet']?.version };
  const own = { name: 'ask', version, dependencies };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...own, private: true, type: 'module' }));
  const packages = Object.fromEntries([['', own], ...needed.map(path => [path, lock.packages[path]])]);
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ ...own, lockfileVersion: 3, packages }));
}
