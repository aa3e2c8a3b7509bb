import type { LucideIcon } from '@lucide/vue';
import type { VNode } from 'vue';
import { type ButtonOptions, button } from './controls.tsx';

interface ChooserOptions extends Pick<ButtonOptions, 'label' | 'kind' | 'iconOnly' | 'disabled'> {
  icon: LucideIcon;
}

export interface FileButtonOptions extends ChooserOptions {
  accept?: string;
  several?: boolean;
  choose: (file: File) => void;
}

function chooser(options: ChooserOptions, field: Record<string, unknown>, take: (files: File[]) => void): VNode {
  return (
    <span>
      {button({
        ...options,
        onClick: event => (event.currentTarget as HTMLElement).parentElement?.querySelector('input')?.click(),
      })}
      <input
        type="file"
        hidden
        aria-label={options.label}
        {...field}
        onChange={event => {
          const input = event.target as HTMLInputElement;
          take([...(input.files ?? [])]);
          input.value = '';
        }}
      />
    </span>
  );
}

/** A button that asks for a file of the user's. */
export const fileButton = ({ accept, several, choose, ...options }: FileButtonOptions): VNode =>
  chooser(options, { accept, multiple: several }, files => {
    for (const file of files) choose(file);
  });

/** A button that asks for a folder of the user's, with all that is in it. */
export const folderButton = ({
  chooseAll,
  ...options
}: ChooserOptions & { chooseAll: (files: File[]) => void }): VNode =>
  chooser(options, { webkitdirectory: true }, chooseAll);
