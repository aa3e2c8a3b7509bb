import { DialogContent, DialogOverlay, DialogPortal, DialogRoot, DialogTitle } from 'reka-ui';
import { h, type VNode } from 'vue';

export interface DialogOptions {
  title: string;
  open: boolean;
  close: () => void;
  content: () => VNode | VNode[];
  footer?: () => VNode | VNode[];
  /** When given, Enter in a field does it. */
  submit?: () => void;
  class?: string;
}

/** Floats above the window, holds the focus until it is closed, and gives it back. */
export function dialog(options: DialogOptions): VNode {
  const { title, open, close, content, footer, submit } = options;
  const inside = (): VNode[] => [
    h(DialogTitle, { class: options.class === 'palette' ? 'visually-hidden' : undefined }, () => title),
    <form
      style={{ display: 'contents' }}
      onSubmit={event => {
        event.preventDefault();
        submit?.();
      }}
    >
      <div class="content">{content()}</div>
      {footer && <div class="footer">{footer()}</div>}
    </form>,
  ];
  const whole = (): VNode[] => [
    h(DialogOverlay, { class: 'overlay' }),
    h(
      DialogContent,
      { class: ['dialog', options.class], 'aria-describedby': undefined, onOpenAutoFocus: focusFirst },
      inside,
    ),
  ];
  return h(
    DialogRoot,
    {
      open,
      'onUpdate:open': (is: boolean) => {
        if (!is) close();
      },
    },
    () => h(DialogPortal, () => whole()),
  );
}

/** What the dialog says is its first field; else the first that can be. */
function focusFirst(event: Event): void {
  const field = (event.target as HTMLElement).querySelector<HTMLElement>('[data-autofocus=true]');
  if (!field) return;
  event.preventDefault();
  field.focus();
}
