import { type LucideIcon, MoreHorizontal } from '@lucide/vue';
import {
  ContextMenuContent,
  ContextMenuItem,
  ContextMenuPortal,
  ContextMenuRoot,
  ContextMenuTrigger,
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

const itemsOf = (of: typeof DropdownMenuItem | typeof ContextMenuItem, items: readonly MenuItem[]): VNode[] =>
  items.map(({ label, danger, disabled, run, icon: shown }) =>
    h(of, { key: label, class: ['menu-item', danger && 'danger'], disabled, onSelect: run }, () => [
      shown ? icon(shown) : undefined,
      label,
    ]),
  );

const trigger = (label: string, shown: LucideIcon): VNode =>
  h(
    DropdownMenuTrigger,
    {
      class: 'button quiet icon-only',
      'aria-label': label,
      title: label,
      onClick: (event: Event) => event.stopPropagation(),
    },
    () => icon(shown),
  );

const dropdown = (opener: VNode, content: () => VNode[]): VNode =>
  h(DropdownMenuRoot, { modal: false }, () => [
    opener,
    h(DropdownMenuPortal, () => h(DropdownMenuContent, { class: 'menu', align: 'end', sideOffset: 4 }, content)),
  ]);

/** Three dots that open a list of actions. */
export const moreMenu = (label: string, items: readonly MenuItem[]): VNode =>
  dropdown(trigger(label, MoreHorizontal), () => itemsOf(DropdownMenuItem, items));

/**
 * Three dots that open the menu which the right button of the mouse opens there: one menu serves a whole list. One for each
 * row was most of what a list took to draw.
 */
export const rowMenuButton = (label: string): VNode => (
  <button
    type="button"
    class="button quiet icon-only"
    aria-haspopup="menu"
    aria-label={label}
    title={label}
    onClick={event => openAround(event.currentTarget as HTMLElement)}
  >
    {icon(MoreHorizontal)}
  </button>
);

function openAround(element: HTMLElement): void {
  const { left, bottom } = element.getBoundingClientRect();
  const common = { bubbles: true, cancelable: true };
  element.dispatchEvent(new MouseEvent('contextmenu', { ...common, clientX: left, clientY: bottom + 4 }));
}

/** `inside` with a menu on the right button of the mouse; `items` is asked when it opens. */
export const contextMenu = (inside: VNode, items: () => readonly MenuItem[]): VNode =>
  h(ContextMenuRoot, { modal: false }, () => [
    h(ContextMenuTrigger, { asChild: true }, () => inside),
    h(ContextMenuPortal, () => h(ContextMenuContent, { class: 'menu' }, () => itemsOf(ContextMenuItem, items()))),
  ]);
