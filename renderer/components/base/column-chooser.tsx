import { ArrowDown, ArrowUp, Columns3 } from '@lucide/vue';
import { PopoverContent, PopoverPortal, PopoverRoot, PopoverTrigger } from 'reka-ui';
import { defineComponent, h, nextTick, ref, type VNode } from 'vue';
import { t } from '../../stores/index.ts';
import { button, icon } from './controls.tsx';
import { draggable } from './dragging.ts';
import { checkField } from './fields.tsx';

export interface ColumnChoice {
  key: string;
  label: string;
  chosen: boolean;
}

export interface ColumnChooserProps {
  /** As they are arranged now. */
  choices: readonly ColumnChoice[];
  onToggle: (key: string) => void;
  onMove: (key: string, place: number) => void;
  onReset: () => void;
}

/** Which columns a list has and in which order, by drag or by buttons; it stays open while one chooses. */
export const ColumnChooser = defineComponent(
  (props: ColumnChooserProps) => {
    const list = ref<HTMLElement | null>(null);

    /** The button that was pressed goes with its line, or to its other side at an end; the focus goes with it. */
    async function move(key: string, place: number, down: boolean): Promise<void> {
      props.onMove(key, place);
      await nextTick();
      const buttons = list.value?.querySelectorAll<HTMLButtonElement>(`[data-column="${key}"] button`) ?? [];
      const [up, below] = buttons;
      (down && !below?.disabled ? below : up?.disabled ? below : up)?.focus();
    }

    const line = ({ key, label, chosen }: ColumnChoice, index: number): VNode => {
      const texts = t().common;
      const common = { iconOnly: true, kind: 'quiet' as const };
      const drop = (dragged: string): void => props.onMove(dragged, index);
      return (
        <li key={key} class="row" data-column={key} {...draggable('application/x-berth-choice', key, drop)}>
          <span class="grow">{checkField(label, chosen, () => props.onToggle(key))}</span>
          {button({
            ...common,
            label: texts.moveUp(label),
            icon: ArrowUp,
            disabled: index === 0,
            onClick: () => void move(key, index - 1, false),
          })}
          {button({
            ...common,
            label: texts.moveDown(label),
            icon: ArrowDown,
            disabled: index === props.choices.length - 1,
            onClick: () => void move(key, index + 1, true),
          })}
        </li>
      );
    };

    return () => {
      const texts = t().common;
      const trigger = { class: 'button quiet icon-only', title: texts.columns, 'aria-label': texts.columns };
      const content = {
        class: 'menu column-chooser',
        align: 'end',
        sideOffset: 4,
        'aria-label': texts.columns,
      } as const;
      return h(PopoverRoot, {}, () => [
        h(PopoverTrigger, trigger, () => icon(Columns3)),
        h(PopoverPortal, () =>
          h(PopoverContent, content, () => [
            <ul ref={list} class="plain">
              {props.choices.map(line)}
            </ul>,
            button({ label: texts.resetColumns, kind: 'quiet', onClick: props.onReset }),
          ]),
        ),
      ]);
    };
  },
  { props: ['choices', 'onToggle', 'onMove', 'onReset'] },
);
