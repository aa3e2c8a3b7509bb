import type { LucideIcon } from '@lucide/vue';
import type { VNode } from 'vue';
import { type ButtonOptions, button } from './controls.tsx';

export interface FileButtonOptions extends Pick<ButtonOptions, 'label' | 'kind' | 'iconOnly' | 'disabled'> {
  icon: LucideIcon;
  accept?: string;
  several?: boolean;
  choose: (file: File) => void;
}

/** A button that asks for a file of the user's. */
export const fileButton = ({ accept, several, choose, ...options }: FileButtonOptions): VNode => (
  <span>
    {button({
      ...options,
      onClick: event => (event.currentTarget as HTMLElement).parentElement?.querySelector('input')?.click(),
    })}
    <input
      type="file"
      hidden
      accept={accept}
      multiple={several}
      aria-label={options.label}
      onChange={event => {
        const field = event.target as HTMLInputElement;
        for (const file of field.files ?? []) choose(file);
        field.value = '';
      }}
    />
  </span>
);
