import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveBridge } from '../../../../src/dashboard/bridge.ts';
import { engineStreams } from '../../../../src/dashboard/engine-streams.ts';
import { openRegistries, type Registries } from '../../../../src/dashboard/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-registries-'));
const socketPath = join(folder, 'engine.sock');
const headers: [url: string, headers: IncomingHttpHeaders][] = [];
let registries: Registries;
let engine: Server;

/** A program of PATH that behaves as the one of this name would. */
function program(name: string, script: string): void {
  const file = join(folder, 'bin', name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

beforeAll(async () => {
  mkdirSync(join(folder, 'bin'));
  program(
    'docker',
    `echo "$@" >> ${folder}/asked; cat >> ${folder}/asked; case "$*" in *wrong*) echo 'Error: denied' >&2; exit 1;; esac`,
  );
  program(
    'docker-credential-fake',
    `[ "$1" = get ] && server=$(cat) && printf '{"Username":"<token>","Secret":"for %s"}' "$server"`,
  );
  const auth = (text: string): string => Buffer.from(text).toString('base64');
  const config = {
    auths: {
      'registry.example:5000': { auth: auth('joe:hun:ter2') },
      'https://index.docker.io/v1/': { auth: auth('me:x') },
    },
    credHelpers: { 'helped.example': 'fake', 'evil.example': '../../bin/sh', 'gone.example': 'nowhere' },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const env = { PATH: `${folder}/bin:/usr/bin:/bin`, DOCKER_CONFIG: folder };
  registries = openRegistries(env, () => `unix://${socketPath}`);
  engine = createServer((request, answer) => {
    headers.push([request.url ?? '', request.headers]);
    answer.end('{}');
  });
  await new Promise<void>(resolve => engine.listen(socketPath, resolve));
});
afterAll(async () => {
  await new Promise(resolve => engine.close(resolve));
  rmSync(folder, { recursive: true });
});

const told = (header: string | undefined): unknown => header && JSON.parse(String(Buffer.from(header, 'base64url')));

describe('log-ins of registries', () => {
  test('are listed by name and user, without a secret', async () => {
    expect(await registries.list()).toEqual([
      { registry: 'evil.example', user: '' },
      { registry: 'gone.example', user: '' },
      { registry: 'helped.example', user: '' },
      { registry: 'https://index.docker.io/v1/', user: 'me' },
      { registry: 'registry.example:5000', user: 'joe' },
    ]);
  });

  test.each([
    ['registry.example:5000/shop:1', { username: 'joe', password: 'hun:ter2', serveraddress: 'registry.example:5000' }],
    ['debian', { username: 'me', password: 'x', serveraddress: 'https://index.docker.io/v1/' }],
    ['helped.example/x', { identitytoken: 'for helped.example', serveraddress: 'helped.example' }],
    ['unknown.example/x', undefined],
    ['evil.example/x', undefined],
    ['gone.example/x', undefined],
    ['Not A Name', undefined],
  ])('of %s are found', async (reference, credentials) => {
    expect(told(await registries.headerFor(reference))).toEqual(credentials);
  });

  test('are made and taken back by the docker command, whose input alone has the password', async () => {
    await registries.logIn({ registry: 'docker.io', user: 'me', secret: 's3cret' });
    await registries.logOut('registry.example:5000');
    await expect(registries.logIn({ registry: 'wrong.example', user: 'me', secret: 'x' })).rejects.toThrow(
      'Error: denied',
    );
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe(
      'login --username me --password-stdin\ns3cretlogout registry.example:5000\nlogin --username me --password-stdin wrong.example\nx',
    );
  });
});

test('what a window pulls and pushes carries the log-in, and nothing else does', async () => {
  const ended: number[] = [];
  const takers: { text?: (line: string) => void } = {};
  serveBridge(
    {
      sendText: line => {
        const { type, id } = JSON.parse(line) as { type: string; id: number };
        if (type !== 'item') ended.push(id);
      },
      sendBytes: () => undefined,
      onText: take => {
        takers.text = take;
      },
      onBytes: () => undefined,
      onClose: () => undefined,
    },
    { calls: {}, streams: engineStreams(() => ({ socketPath }), registries.headerFor) } as never,
  );
  const asked = [
    ['POST', '/images/create?fromImage=registry.example%3A5000%2Fshop&tag=1', 'joe'],
    ['POST', '/images/registry.example%3A5000/a/b/push?tag=1', 'joe'],
    ['GET', '/images/search?term=debian', 'me'],
    ['GET', '/images/json', undefined],
    ['POST', '/images/create?fromSrc=-', undefined],
  ] as const;
  for (const [id, [method, path]] of asked.entries())
    takers.text?.(JSON.stringify({ type: 'open', id, name: 'engine', request: { method, path } }));
  await expect.poll(() => ended.toSorted()).toEqual([0, 1, 2, 3, 4]);
  const users = asked.map(([, path]) => {
    const found = headers.find(([url]) => url === path)?.[1]['x-registry-auth'];
    return (told(found as string | undefined) as { username: string } | undefined)?.username;
  });
  expect(users).toEqual(asked.map(([, , user]) => user));
});
