import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually.ts';

/** What does not fit: words that are cut off where no dots say so, a view that is wider than its place. */
export const cutOff = (page: Page): Promise<string[]> =>
  page.evaluate<
    string[]
  >(`[...document.querySelectorAll('main, main :is(button, label, h1, h2, .body, .table, .th, .state, .tab), nav a')]
    .filter(each => each.checkVisibility() && getComputedStyle(each).display !== 'inline')
    .filter(each => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 1)
    .map(each => each.tagName + ' ' + each.className + ' ' + each.textContent.slice(0, 60))`);

/** What in the view can be used by mouse and is not reached by Tab, and what is reached and does not show it. */
export async function unreachable(page: Page): Promise<string[]> {
  const count = await page.evaluate<number>(`(() => {
    document.activeElement?.blur();
    const all = [...document.querySelectorAll('main :is(a[href], button, input, select, textarea, [tabindex="0"])')];
    const usable = all.filter(each => each.checkVisibility() && !each.disabled && each.tabIndex >= 0);
    for (const [index, each] of usable.entries()) each.dataset.reach = index;
    return usable.length;
  })()`);
  const look = `(() => {
    const { dataset, tagName } = document.activeElement;
    const { outlineStyle, boxShadow } = getComputedStyle(document.activeElement);
    const around = getComputedStyle(document.activeElement.parentElement ?? document.body);
    const shows = [outlineStyle, around.outlineStyle].some(style => style !== 'none') || boxShadow !== 'none';
    return { reach: dataset.reach, shows, tagName };
  })()`;
  const missing = new Set(Array.from({ length: count }, (_, index) => String(index)));
  const hidden: string[] = [];
  for (let step = 0; step < count + 30 && missing.size > 0; step++) {
    await page.keyboard.press('Tab');
    const { reach, shows, tagName } = await page.evaluate<{ reach?: string; shows: boolean; tagName: string }>(look);
    if (reach === undefined) continue;
    missing.delete(reach);
    if (!shows) hidden.push(`${tagName} does not show the focus`);
  }
  const left = await page.evaluate<string[]>(
    `${JSON.stringify([...missing])}.map(reach => document.querySelector('[data-reach="' + reach + '"]')?.outerHTML).filter(Boolean)`,
  );
  return [...left, ...hidden];
}

/** Resolves when what has the focus holds these words. */
export const focused = (page: Page, name: string): Promise<void> =>
  eventually(`${name} has the focus`, async () =>
    Boolean(await page.evaluate(`document.activeElement?.textContent.includes('${name}')`)),
  ).then(() => undefined);
