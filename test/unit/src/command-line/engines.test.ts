import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { httpBytes, httpOpen } from '../../../../base/http-client.ts';
import { Engines } from '../../../../src/command-line/engines.ts';
import { eventually } from '../../../support/eventually.ts';

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

let folder: string;
/** Bytes of an answer: more than is on its way at once. */
const large = 400_000;
const { PATH: path, TMPDIR: temporary } = process.env;

/** A `docker` command with two contexts. */
const docker = `#!/bin/sh
case $2 in
ls)
  for name in far shut; do echo '{"Name":"'$name'","Description":"","DockerEndpoint":"ssh://'$name'","Error":""}'; done ;;
inspect)
  case $3 in far | shut) ;; *) echo "context \\"$3\\": context not found" >&2; exit 1 ;; esac
  echo '[{"Name":"'$3'","Endpoints":{"docker":{"Host":"ssh://me@'$3':2200","SkipTLSVerify":false}},"Storage":{"TLSPath":"/x"}}]' ;;
esac
`;

/**
 * An `ssh` to two hosts: the engine of one answers at once or without end, and the command waits for its readers before it
 * ends; the other one cannot be reached.
 */
const ssh = (pidFile: string): string => `#!/bin/sh
case "$*" in *' -l me -p 2200 -- shut docker system dial-stdio')
  echo 'ssh: connect to host shut port 2200: No route to host' >&2
  exit 255 ;;
esac
read -r request
case $request in */_ping*)
  printf 'HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 2\\r\\n\\r\\nOK'
  exit ;;
*/large*)
  while read -r head; do [ \${#head} -gt 1 ] || break; done
  printf 'HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: ${large}\\r\\n\\r\\n'
  head -c ${large} /dev/zero
  exit ;;
esac
trap '' TERM
echo $$ > ${pidFile}
printf 'HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n'
while :; do echo something more of what happens there || exit 1; done
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-far-'));
  await writeFile(join(folder, 'docker'), docker, { mode: 0o755 });
  await writeFile(join(folder, 'ssh'), ssh(join(folder, 'pid')), { mode: 0o755 });
  process.env.PATH = `${folder}:${path}`;
  process.env.TMPDIR = folder; // a worker that is ended does not clean up after itself
});

afterAll(async () => {
  process.env.PATH = path;
  if (temporary === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = temporary;
  await rm(folder, { recursive: true });
});

test.skipIf(process.platform === 'win32')('who brings the words of another engine goes with their reader', async () => {
  const engines = new Engines('/own.sock', 'unix:///own.sock', process.env);
  await engines.choose('far');
  expect((await engines.list()).map(({ name, chosen }) => [name, chosen])).toEqual([
    ['', false],
    ['far', true],
    ['shut', false],
  ]);
  const reader = new AbortController();
  const answer = await httpOpen(engines.target, 'GET', '/events', { signal: reader.signal });
  answer.on('error', () => undefined);
  await new Promise(resolve => answer.once('data', resolve));
  answer.pause(); // from now on all that is between is full
  const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
  expect(isAlive(pid)).toBe(true);
  reader.abort();
  await eventually('it is gone', async () => !isAlive(pid));
});

test.skipIf(process.platform === 'win32')(
  'an answer of another engine comes whole, though who brings it has ended',
  async () => {
    const engines = new Engines('/own.sock', 'unix:///own.sock', process.env);
    await engines.choose('far');
    const ask = (): Promise<Buffer> => httpBytes(engines.target, 'GET', '/large');
    const answers = await Promise.all(Array.from({ length: 20 }, ask));
    expect(answers.filter(({ length }) => length !== large)).toEqual([]);
  },
);

test.skipIf(process.platform === 'win32')('one that does not answer is not shown, and says why', async () => {
  const engines = new Engines('/own.sock', 'unix:///own.sock', process.env);
  await expect(engines.choose('shut')).rejects.toThrow(/^ssh: connect to host shut port 2200: No route to host$/);
  await expect(engines.choose('none')).rejects.toThrow(/context not found$/);
  expect(engines.isForeign).toBe(false);
});
