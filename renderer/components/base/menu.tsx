import { type LucideIcon, MoreHorizontal } from '@lucide/vue';
import {
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuPortal,
  DropdownMenuRoot,
  DropdownMenuTrigger,
} from 'reka-ui';
import { h, type VNode } from 'vue';
import { icon } from './controls.tsx';

export interface MenuItem {
  label: string;
  icon?: LucideIcon;
  danger?: boolean;
  disabled?: boolean;
  run: () => void;
}

/** Three dots that open a list of actions. */
export const moreMenu = (label: string, items: readonly MenuItem[]): VNode =>
  h(DropdownMenuRoot, { modal: false }, () => [
    h(
      DropdownMenuTrigger,
      {
        class: 'button quiet icon-only',
        'aria-label': label,
        title: label,
        onClick: (event: Event) => event.stopPropagation(),
      },
      () => icon(MoreHorizontal),
    ),
    h(DropdownMenuPortal, () =>
      h(DropdownMenuContent, { class: 'menu', align: 'end', sideOffset: 4 }, () =>
        items.map(({ label: text, danger, disabled, run, icon: of }) =>
          h(DropdownMenuItem, { key: text, class: ['menu-item', danger && 'danger'], disabled, onSelect: run }, () => [
            of ? icon(of) : undefined,
            text,
          ]),
        ),
      ),
    ),
  ]);
