import { expect, test } from 'vitest';
import { diagnosticsText, sizesOf } from '../../../renderer/model/index.ts';

test('what is saved to find a fault holds no secret', () => {
  const usage = sizesOf({
    Images: [{ Id: 'sha256:1', RepoTags: ['shop:1'], Size: 5, Labels: { key: 'hunter2' } }],
    Containers: [
      { Id: '2', Names: ['/db'], Command: 'db --secret hunter2', Labels: { token: 'hunter2' }, State: 'running' },
    ],
    Volumes: [{ Name: 'data', Driver: 'local', Options: { o: 'password=hunter2' }, Labels: { a: 'hunter2' } }],
    BuildCache: [{ ID: '3', Type: 'regular', Description: 'RUN login hunter2', Size: 7 }],
  } as never);
  const text = diagnosticsText({
    usage,
    info: { HttpProxy: 'http://user:hunter2@proxy:3128/', Name: 'here' },
    hostLog: {
      text: 'pull https://joe:hunter2@registry/v2/\nAuthorization: Bearer hunter2\n{"password":"hunter2","a":1}\nmode=test token=hunter2;x',
    },
    problem: 'DB_PASSWORD=hunter2 was refused',
  });
  expect(text).not.toContain('hunter2');
  for (const kept of [
    'shop:1',
    '"/db"',
    'running',
    'data',
    '"a\\":1',
    'proxy:3128',
    'here',
    'mode=test',
    'was refused',
  ])
    expect(text).toContain(kept);
});
