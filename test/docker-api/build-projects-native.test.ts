import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandResult } from '../support/command.ts';
import { engineForTests } from '../support/engine-for-tests.ts';
import { pythonArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';
import { buildxConfig } from './builds/play-build.ts';

const timeout = 120_000;

/** An application as they are: tested where it is built, packed into one file, run by somebody who is not root. */
const python: Readonly<Record<string, string>> = {
  Dockerfile: `# syntax=docker/dockerfile:1
ARG BASE=debian-python
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

describe('real projects are built', { timeout }, () => {
  const engine = engineForTests();
  let folder: string;
  let config: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-project-'));
    config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
    await engine().docker('load', '-i', await pythonArchive());
    for (const [path, text] of Object.entries(python)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
  }, timeout);

  afterAll(async () => {
    for (const each of [folder, config]) await rm(each, { recursive: true, force: true });
  });

  const build = (...args: string[]): Promise<CommandResult> =>
    engine().tryDocker(['build', '--progress=plain', '--provenance=false', '-t', 'greet', ...args, folder], {
      env: { DOCKER_CONFIG: config },
    });

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
});
