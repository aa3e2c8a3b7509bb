import type { LucideIcon } from '@lucide/vue';
import { h, type VNode } from 'vue';

/** An icon beside a word, or inside of something that has a name. */
export const icon = (of: LucideIcon): VNode =>
  h(of, { class: 'icon', size: 16, 'stroke-width': 1.75, 'aria-hidden': 'true' });

export interface ButtonOptions {
  label: string;
  icon?: LucideIcon;
  onClick: (event: MouseEvent) => void;
  kind?: 'primary' | 'danger' | 'quiet';
  /** Only the icon is drawn; the label is its name and its tooltip. */
  iconOnly?: boolean;
  disabled?: boolean;
  pressed?: boolean;
  submit?: boolean;
}

export function button(options: ButtonOptions): VNode {
  const { label, kind, iconOnly, disabled, pressed, submit } = options;
  return (
    <button
      type={submit ? 'submit' : 'button'}
      class={['button', kind, iconOnly && 'icon-only']}
      disabled={disabled}
      aria-pressed={pressed}
      aria-label={iconOnly ? label : undefined}
      title={iconOnly ? label : undefined}
      onClick={options.onClick}
    >
      {options.icon && icon(options.icon)}
      {iconOnly ? undefined : label}
    </button>
  );
}

/** Dot and word: a state is never a colour alone. */
export const stateDot = (kind: 'running' | 'warning' | 'failed' | 'stopped', word: string, title = word): VNode => (
  <span class={['state', kind]} title={title}>
    <span>{word}</span>
  </span>
);

/** `done` is between 0 and 1; undefined where nobody knows how much it will be. */
export const progressBar = (done: number | undefined, label: string): VNode => (
  <div
    class={['progress', done === undefined && 'endless']}
    role="progressbar"
    aria-label={label}
    aria-valuemin={0}
    aria-valuemax={100}
    aria-valuenow={done === undefined ? undefined : Math.round(done * 100)}
  >
    <div style={done === undefined ? {} : { transform: `scaleX(${Math.min(1, done)})` }} />
  </div>
);

export const fact = (name: string, value: VNode | string | number | undefined): VNode[] =>
  value === undefined || value === '' ? [] : [<dt>{name}</dt>, <dd>{value}</dd>];
