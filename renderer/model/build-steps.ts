import type { BuildNews, BuildSummary } from '../../contracts/docker/builds.ts';

/** A step of a build as it is shown. Times in milliseconds since 1970; `ended` is 0 while it runs. */
export interface BuildStep {
  name: string;
  line: number;
  started: number;
  ended: number;
  cached: boolean;
  error: string;
  output: string;
}

export interface BuildView {
  dockerfile: { name: string; source: string };
  steps: readonly BuildStep[];
  warnings: readonly { rule: string; message: string; line: number }[];
  summary: BuildSummary | undefined;
}

export const noBuild: BuildView = { dockerfile: { name: '', source: '' }, steps: [], warnings: [], summary: undefined };

/** What is shown after one more line of a build's log. */
export function withNews(view: BuildView, news: BuildNews): BuildView {
  const step = (number: number, part: (before: BuildStep) => Partial<BuildStep>): BuildView => ({
    ...view,
    steps: view.steps.map((each, index) => (index === number ? { ...each, ...part(each) } : each)),
  });
  switch (news.type) {
    case 'dockerfile':
      return { ...view, dockerfile: { name: news.name, source: news.source } };
    case 'step': {
      const { name, line, at } = news;
      const begun = { name, line, started: at, ended: 0, cached: false, error: '', output: '' };
      return { ...view, steps: [...view.steps, begun] };
    }
    case 'output':
      return step(news.step, ({ output }) => ({ output: output + news.text }));
    case 'ended':
      return step(news.step, () => ({ ended: news.at, cached: news.cached, error: news.error }));
    case 'warning':
      return { ...view, warnings: [...view.warnings, { rule: news.rule, message: news.message, line: news.line }] };
    case 'over':
      return { ...view, summary: news.summary };
  }
}
