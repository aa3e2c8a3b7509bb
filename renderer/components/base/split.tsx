import { defineComponent, ref, type VNode } from 'vue';

export interface SplitProps {
  left: () => VNode;
  /** Undefined: only the left one is there. */
  right?: (() => VNode) | undefined;
  label: string;
  /** The name under which its width is remembered. */
  name: string;
}

/** Of what is open, in pixels. */
const least = 420;
/** Of the list; the style sheet holds it, too. Where there is no room for both, what is open is alone. */
const leastList = 480;

/** A list, and what is open of it beside: the border is dragged, or moved with the arrow keys. */
export const Split = defineComponent(
  (props: SplitProps) => {
    const key = `berth.split.${props.name}`;
    const width = ref(Number(localStorage.getItem(key)) || 560);
    const whole = ref<HTMLElement | null>(null);
    const set = (wanted: number): void => {
      const most = (whole.value?.clientWidth ?? 1200) - leastList;
      width.value = Math.round(Math.max(least, Math.min(most, wanted)));
      localStorage.setItem(key, String(width.value));
    };
    const drag = (event: PointerEvent): void => {
      const handle = event.currentTarget as HTMLElement;
      handle.setPointerCapture(event.pointerId);
      handle.onpointermove = ({ clientX }) => set((whole.value?.getBoundingClientRect().right ?? 0) - clientX);
      handle.onpointerup = () => {
        handle.onpointermove = null;
      };
    };
    const onKeydown = (event: KeyboardEvent): void => {
      if (event.key === 'ArrowLeft') set(width.value + 24);
      else if (event.key === 'ArrowRight') set(width.value - 24);
    };
    return () => (
      <div class="split" ref={whole}>
        <div class="left">{props.left()}</div>
        {props.right && (
          <div
            class="splitter"
            role="separator"
            aria-orientation="vertical"
            aria-label={props.label}
            aria-valuenow={width.value}
            aria-valuemin={least}
            tabindex={0}
            onPointerdown={drag}
            onKeydown={onKeydown}
          />
        )}
        {props.right && (
          <div class="right" style={{ '--chosen': `${width.value}px` }}>
            {props.right()}
          </div>
        )}
      </div>
    );
  },
  { props: ['left', 'right', 'label', 'name'] },
);
