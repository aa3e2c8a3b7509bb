import { Check, Copy } from '@lucide/vue';
import { defineComponent, ref, type VNode } from 'vue';
import { t } from '../../stores/index.ts';
import { button } from './controls.tsx';

/** A text that is copied whole when its button is pressed; it may be shown shorter. */
export const Copyable = defineComponent(
  (props: { text: string; shown?: string }) => {
    const copied = ref(false);
    const copy = async (): Promise<void> => {
      await navigator.clipboard.writeText(props.text);
      copied.value = true;
      setTimeout(() => {
        copied.value = false;
      }, 1500);
    };
    return () => (
      <span class="row" style={{ gap: '2px' }}>
        <code title={props.text}>{props.shown ?? props.text}</code>
        {button({
          label: copied.value ? t().common.copied : t().common.copy,
          icon: copied.value ? Check : Copy,
          iconOnly: true,
          kind: 'quiet',
          onClick: () => void copy(),
        })}
      </span>
    );
  },
  { props: ['text', 'shown'] },
);

/** An empty list teaches: what would be here, and the one command that fills it. */
export const emptyList = (title: string, hint: string, command: string, action?: VNode): VNode => (
  <div class="empty">
    <h2>{title}</h2>
    {action}
    <p>{hint}</p>
    <span class="command">
      <Copyable text={command} />
    </span>
  </div>
);
