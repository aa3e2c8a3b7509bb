import axe from 'axe-core';
import type { Page } from 'playwright-core';

interface Found {
  violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[];
}

/** What axe-core finds wrong with the page, in a line each; only by some of its rules, where the others were asked before. */
export async function accessProblems(page: Page, rules?: readonly string[]): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<Found>(
    `axe.run(document, ${JSON.stringify(rules ? { runOnly: rules } : {})})`,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}
