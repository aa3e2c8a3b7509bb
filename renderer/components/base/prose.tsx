import type { VNode } from 'vue';

/** A sentence of ours; what stands between backticks is what one types. */
export const prose = (text: string): (VNode | string)[] =>
  text.split('`').map((part, index) => (index % 2 === 1 ? <code>{part}</code> : part));
