import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { BuildNews } from '../../../../contracts/docker/builds.ts';
import type { BuildRequest, BuildWatcher, StepWatcher } from '../../../../guest-agent/builder/contract.ts';
import { BuildHistory } from '../../../../guest-agent/builder/history.ts';

const none = (): void => undefined;
const stepOfNobody: StepWatcher = { running: none, output: none, status: none, done: none, failed: none };
const nobody: BuildWatcher = { step: () => stepOfNobody, warning: none };
const request = { target: 'app', platform: undefined } as BuildRequest;
const forever = new AbortController().signal;

async function opened(): Promise<{ history: BuildHistory; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-history-'));
  const history = new BuildHistory(folder);
  onTestFinished(async () => {
    await history.saved();
    await rm(folder, { recursive: true });
  });
  return { history, folder };
}

test('what a build says is heard while it runs, and known after a restart', async () => {
  const { history, folder } = await opened();
  const record = history.begin(request, 'Dockerfile', 'FROM busybox\n');
  const news: BuildNews[] = [];
  const reading = (async () => {
    for await (const each of history.log(record.summary.id, forever)) news.push(each);
  })();
  const watcher = record.watching(nobody);
  watcher.warning({ rule: 'StageNameCasing', message: 'lower case', line: 1, endLine: 1 });
  const step = watcher.step({ name: '[1/1] RUN echo hi', text: 'RUN echo hi', line: 2 });
  step.output('stdout', Buffer.from('hi\n'));
  step.done({ cached: true });
  record.done('sha256:1');
  await reading;
  history.named('sha256:1', ['app:latest']);
  expect(news.map(({ type }) => type)).toEqual(['dockerfile', 'warning', 'step', 'output', 'ended', 'over']);
  await history.saved();
  const again = new BuildHistory(folder);
  expect(await Array.fromAsync(again.list(false, forever))).toMatchObject([
    { target: 'app', names: ['app:latest'], state: 'done', steps: 1, finished: 1, cached: 1 },
  ]);
  expect(await Array.fromAsync(again.log(record.summary.id, forever))).toHaveLength(6);
  expect(() => again.log('other', forever)).toThrow('No such build: other');
});

test('a watcher hears of each build that comes further, and goes when it wants', async () => {
  const { history } = await opened();
  const gone = new AbortController();
  const states: string[] = [];
  const record = history.begin(request, 'Dockerfile', '');
  const watching = (async () => {
    for await (const { state } of history.list(true, gone.signal)) {
      states.push(state);
      if (state === 'cancelled') gone.abort();
      else history.cancel(record.summary.id);
    }
  })();
  record.signal.addEventListener('abort', () => record.failed(record.signal.reason, true));
  await watching;
  expect(states).toEqual(['running', 'cancelled']);
});

test('a hundred are kept', async () => {
  const { history } = await opened();
  for (let count = 0; count < 103; count++) history.begin(request, `file-${count}`, '').done(`sha256:${count}`);
  const all = await Array.fromAsync(history.list(false, forever));
  expect([all.length, all[0]?.dockerfile]).toEqual([100, 'file-3']);
});
