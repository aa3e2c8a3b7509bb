import type { VNode } from 'vue';
import { relativeTime } from '../../model/index.ts';
import { useClock, usePreferences } from '../../stores/index.ts';

/** `3 minutes ago`, with the exact time in its tooltip; nothing for what never was. `at` in milliseconds, or RFC 3339. */
export function age(at: number | string | undefined | null): VNode | undefined {
  const time = typeof at === 'string' ? Date.parse(at) : (at ?? Number.NaN);
  if (Number.isNaN(time) || time <= 0) return undefined;
  return (
    <time class="soft" title={new Date(time).toLocaleString(usePreferences().language)}>
      {relativeTime(time, useClock().now, usePreferences().language)}
    </time>
  );
}
