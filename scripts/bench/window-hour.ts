import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { inWindow } from './in-window.ts';
import { limited, type Row } from './numbers.ts';

/** Two hundred lines a second, each as long as those of a usual web server. */
const talk =
  'n=0; while :; do for i in 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9; do n=$((n+1)); echo "10.0.0.1 - - GET /shop/items/some-article?colour=teal&size=42 HTTP/1.1 200 5123 in 12 ms by Mozilla/5.0, request $n"; done; usleep 100000; done';

/** Megabytes, measured after the garbage has been collected. */
interface Memory {
  /** Objects of the page's scripts, what the browser keeps for its elements, and the bytes of the log. */
  page: number;
  /** What the process that shows the page really holds, its share of the browser's own code included. */
  process: number;
}

/** What the page costs while it follows a container's log for so many minutes: told every five, the last is the figure. */
export const benchFollowing = (minutes: number): Promise<Row[]> =>
  inWindow(talk, async ({ browser, page }) => {
    page.setDefaultTimeout(300_000); // an hour is measured beside other work
    await page.getByRole('link', { name: 'Containers', exact: true }).click();
    await page.getByText('talker', { exact: true }).first().click();
    await page.getByRole('tab', { name: 'Logs' }).click();
    await page.getByRole('log').getByText('GET /shop').first().waitFor();
    const last = await measureEvery(browser, page, minutes);
    return [
      limited(`memory of the page after ${minutes} minutes of following a log`, 'MB', last.page, 150),
      limited('the process that shows it, by its proportional share', 'MB', last.process, 400),
    ];
  });

async function measureEvery(browser: Browser, page: Page, minutes: number): Promise<Memory> {
  const end = Date.now() + minutes * 60_000;
  for (let passed = 0; ; passed += 5) {
    const memory = await memoryOf(browser, page);
    const lines = await page.locator('.logs .toolbar span', { hasText: / lines$/ }).innerText();
    const [shown, held] = [memory.page.toFixed(1), memory.process.toFixed(0)];
    process.stdout.write(`after ${passed} minutes: ${lines}, page ${shown} MB, process ${held} MB\n`);
    if (Date.now() >= end) return memory;
    await sleep(Math.min(300_000, end - Date.now()));
  }
}

async function memoryOf(browser: Browser, page: Page): Promise<Memory> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize, embedderHeapUsedSize, backingStorageSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return { page: (usedSize + embedderHeapUsedSize + backingStorageSize) / 1e6, process: await shareOf(browser) };
}

/** Proportional set size of the only renderer, in megabytes. */
async function shareOf(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const shares = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => proportional(id));
  return Math.max(...(await Promise.all(shares)));
}

async function proportional(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  return (Number(/^Pss:\s+(\d+)/m.exec(text)?.[1]) * 1024) / 1e6;
}
