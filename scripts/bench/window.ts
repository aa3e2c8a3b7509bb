import type { CDPSession, Page } from 'playwright-core';
import { httpJson } from '../../base/http-client.ts';
import type { NativeEngine } from '../../test/support/engine.ts';
import { inWindow } from './in-window.ts';
import { limited, median, type Row } from './numbers.ts';

const containers = 1000;
const measuredMs = 6000;
/** A thousand lines ten times a second, each as long as those of a usual server. */
const talk =
  'n=0; while :; do seq $n $((n+999)) | sed "s|^|10.0.0.1 GET /shop/items/some-article 200 in 12 ms, request |"; n=$((n+1000)); usleep 90000; done';

/** Marks the moment in which the first row has been drawn. */
const markRows = `new MutationObserver((_changes, observer) => {
  if (!document.querySelector('[role=row][data-index]')) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => performance.mark('rows-drawn')));
}).observe(document, { childList: true, subtree: true });`;

/** What the window costs in Chromium without a window: the first list, a log that comes at ten thousand lines a second, idling. */
export const benchWindow = (rounds: number): Promise<Row[]> =>
  inWindow(
    talk,
    async ({ engine, page }) => {
      const log = await measureLog(page);
      await engine.docker('rm', '-f', 'talker');
      await makeContainers(engine);
      return [...(await measureLists(page, rounds)), ...log, await measureIdle(page)];
    },
    page => page.addInitScript(markRows),
  );

async function makeContainers({ socket }: NativeEngine): Promise<void> {
  const body = { Image: 'busybox', Cmd: ['true'] };
  const names = Array.from({ length: containers }, (_, index) => `row-${index}`);
  const worker = async (): Promise<void> => {
    for (let name = names.pop(); name; name = names.pop())
      await httpJson({ socketPath: socket }, 'POST', `/containers/create?name=${name}`, { body });
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

async function measureLists(page: Page, rounds: number): Promise<Row[]> {
  const drawn: number[] = [];
  const navigated: number[] = [];
  await page.getByRole('link', { name: 'Containers', exact: true }).click();
  for (let round = 0; round < rounds; round++) {
    await page.reload();
    const at = (name: string): Promise<number> =>
      page.evaluate(`new Promise(done => {
        const look = () => {
          const [mark] = performance.getEntriesByName('${name}');
          if (mark) done(mark.startTime);
          else setTimeout(look, 50);
        };
        look();
      })`);
    const [rows, read] = [await at('rows-drawn'), await at('containers-read')];
    drawn.push(rows - read);
    navigated.push(rows);
  }
  return [
    limited('from the data of 1,000 containers to their rows', 'ms', median(drawn), 100),
    limited('from navigation to the rows of 1,000 containers', 'ms', median(navigated), 1000),
  ];
}

async function measureLog(page: Page): Promise<Row[]> {
  await page.getByText('talker', { exact: true }).first().click();
  await page.getByRole('tab', { name: 'Logs' }).click();
  await page.getByRole('log').getByText('GET /shop').first().waitFor();
  const following = await workOfFrames(page, '');
  const scrolling = await workOfFrames(page, "document.querySelector('[role=log]').scrollTop -= 30;");
  const lines = await page.locator('.logs .toolbar span', { hasText: / lines$/ }).innerText();
  process.stdout.write(`the log had ${lines} at the end\n`);
  return [
    limited('following a log of 10,000 lines a second: main thread a frame', 'ms', following, 8),
    limited('scrolling in it: main thread a frame', 'ms', scrolling, 8),
  ];
}

/** Milliseconds that the main thread works for each frame, while `step` is done in each. */
async function workOfFrames(page: Page, step: string): Promise<number> {
  const session = await workMeter(page);
  const before = await taskSeconds(session);
  const frames = await page.evaluate<number>(`new Promise(done => {
    let frames = 0;
    const end = performance.now() + ${measuredMs};
    const next = () => {
      ${step}
      frames++;
      if (performance.now() < end) requestAnimationFrame(next);
      else done(frames);
    };
    requestAnimationFrame(next);
  })`);
  const worked = (await taskSeconds(session)) - before;
  await session.detach();
  process.stdout.write(`${frames} frames in ${measuredMs} ms\n`);
  return (worked * 1000) / frames;
}

/** Counts what the main thread works, not what it waits for a processor: others may want them, too. */
async function workMeter(page: Page): Promise<CDPSession> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  return session;
}

async function taskSeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN;
}

async function measureIdle(page: Page): Promise<Row> {
  await page.getByRole('link', { name: 'Settings', exact: true }).click();
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  const session = await workMeter(page);
  const before = await taskSeconds(session);
  await new Promise(resolve => setTimeout(resolve, measuredMs));
  const worked = (await taskSeconds(session)) - before;
  return limited('main thread of an idle page', '%', (worked * 100_000) / measuredMs, 1);
}
