import { X } from '@lucide/vue';
import type { VNode } from 'vue';
import { t } from '../../stores/index.ts';
import { button } from './controls.tsx';

export interface DetailOptions {
  name: string;
  /** Below the name: a state, a size. */
  sub?: VNode | string | false | undefined;
  actions?: VNode | (VNode | false | undefined)[];
  error?: string;
  content?: VNode | false | undefined;
  close: () => void;
}

/** What is open beside a list: its name, what can be done with it, and what it is. */
export const detailView = ({ name, sub, actions, error, content, close }: DetailOptions): VNode => (
  <section class="view" aria-label={name}>
    <header class="head detail-head">
      <div class="grow">
        <h2 class="ellipsis">{name}</h2>
        {typeof sub === 'string' ? <span class="soft">{sub}</span> : sub}
      </div>
      {actions}
      {button({ label: t().common.close, icon: X, iconOnly: true, kind: 'quiet', onClick: close })}
    </header>
    {error && (
      <p class="error-text detail-error" role="alert">
        {error}
      </p>
    )}
    {content}
  </section>
);
