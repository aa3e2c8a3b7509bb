import { defaultRangeExtractor, type Range, useVirtualizer } from '@tanstack/vue-virtual';
import { computed, defineComponent, nextTick, onMounted, ref, type VNode } from 'vue';
import { draggable } from './dragging.ts';
import { contextMenu, type MenuItem } from './menu.tsx';

export interface Column<Row> {
  key: string;
  label: string;
  /** A track of CSS grid. */
  width: string;
  cell: (row: Row) => VNode | string | undefined;
  end?: boolean;
  /** Its head is for screen readers only. */
  hideLabel?: boolean;
  /** Its head sorts. */
  sortable?: boolean;
  /** Its head can be dragged to the place of another. */
  movable?: boolean;
  class?: string;
}

export interface DataTableProps<Row> {
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string;
  rowHeight: number;
  /** The row that is open beside the list. */
  selected?: string;
  sorting?: { key: string; down: boolean };
  /** A row across all columns. */
  group?: (row: Row) => VNode | undefined;
  rowClass?: (row: Row) => string | undefined;
  onSort?: (key: string) => void;
  /** The column `key` was dragged to the place of `to`. */
  onArrange?: (key: string, to: string) => void;
  onOpen?: (row: Row) => void;
  /** A key on a row; true when it meant something. */
  onKey?: (row: Row, key: string) => boolean;
  /** What the right button of the mouse offers on a row. */
  menu?: (row: Row) => readonly MenuItem[];
  /** Where it was scrolled to, and where it is. */
  scrolled?: { top: number };
}

/** What is dragged from head to head. */
const columnDrag = 'application/x-berth-column';

/** Rows beyond the view that exist, so that fast scrolling finds them. */
const overscan = 8;
/** So many pixels at least are above a table: the view's head and its search. */
const aboveTable = 90;

/** A list of any length: only the rows in view exist. Arrows, `j`, `k`, Home and End move; Enter opens. */
export const DataTable = defineComponent(
  <Row,>(props: DataTableProps<Row>) => {
    const scroller = ref<HTMLElement | null>(null);
    const active = ref('');
    /** The row under the menu of the right button. */
    const pointed = ref<Row>();
    onMounted(() => {
      if (scroller.value && props.scrolled) scroller.value.scrollTop = props.scrolled.top;
    });
    const virtualizer = useVirtualizer(
      computed(() => ({
        count: props.rows.length,
        getScrollElement: () => scroller.value,
        estimateSize: () => props.rowHeight,
        getItemKey: (index: number) => keyAt(index),
        overscan,
        rangeExtractor: withActive,
        scrollMargin: 30,
        // rows are there with the first drawing, before anything could be measured
        initialRect: { width: innerWidth, height: innerHeight - aboveTable },
      })),
    );
    /** The row that keys move from exists wherever the list is scrolled to: without it the focus, and the way in, were lost. */
    function withActive(range: Range): number[] {
      const indexes = defaultRangeExtractor(range);
      const current = activeIndex();
      if (range.count === 0 || indexes.includes(current)) return indexes;
      return [...indexes, current].sort((a, b) => a - b);
    }
    const keyAt = (index: number): string => {
      const row = props.rows[index];
      return row === undefined ? String(index) : props.keyOf(row);
    };
    const activeIndex = (): number => {
      const index = props.rows.findIndex(row => props.keyOf(row) === active.value);
      return index === -1 ? 0 : index;
    };

    async function moveTo(index: number): Promise<void> {
      const to = Math.max(0, Math.min(props.rows.length - 1, index));
      active.value = keyAt(to);
      virtualizer.value.scrollToIndex(to);
      await nextTick();
      await new Promise(requestAnimationFrame);
      scroller.value?.querySelector<HTMLElement>(`[data-index="${to}"]`)?.focus();
    }

    function onKeydown(event: KeyboardEvent): void {
      const target = event.target as HTMLElement;
      if (!target.matches('[role=row]') || event.ctrlKey || event.metaKey || event.altKey) return;
      const index = activeIndex();
      const page = Math.floor((scroller.value?.clientHeight ?? 0) / props.rowHeight) - 1;
      const moves: Record<string, number> = {
        ...{ ArrowDown: index + 1, j: index + 1, ArrowUp: index - 1, k: index - 1 },
        ...{ Home: 0, End: props.rows.length - 1, PageDown: index + page, PageUp: index - page },
      };
      const to = moves[event.key];
      const row = props.rows[index];
      if (to !== undefined) void moveTo(to);
      else if (row !== undefined && event.key === 'Enter') props.onOpen?.(row);
      else if (row === undefined || !props.onKey?.(row, event.key)) return;
      event.preventDefault();
      event.stopPropagation();
    }

    const head = (columns: string): VNode => (
      <div role="row" class="thead" aria-rowindex={1} style={{ gridTemplateColumns: columns }}>
        {props.columns.map(({ key, label, end, sortable, hideLabel, movable }) => {
          const sorted = props.sorting?.key === key ? props.sorting : undefined;
          const order = sorted ? (sorted.down ? 'descending' : 'ascending') : undefined;
          const arrow = sorted ? (sorted.down ? ' ↓' : ' ↑') : '';
          return (
            <div
              role="columnheader"
              key={key}
              class={['th', end && 'end']}
              aria-sort={order}
              {...(movable && draggable(columnDrag, key, dragged => props.onArrange?.(dragged, key)))}
            >
              {sortable ? (
                <button type="button" onClick={() => props.onSort?.(key)}>
                  {label + arrow}
                </button>
              ) : (
                <span class={hideLabel ? 'visually-hidden' : undefined}>{label}</span>
              )}
            </div>
          );
        })}
      </div>
    );

    const line = (index: number, start: number, columns: string, current: number): VNode | undefined => {
      const row = props.rows[index];
      if (row === undefined) return undefined;
      const key = props.keyOf(row);
      const group = props.group?.(row);
      return (
        <div
          role="row"
          key={key}
          data-index={index}
          aria-rowindex={index + 2}
          aria-selected={props.selected === undefined ? undefined : key === props.selected}
          class={['tr', group && 'group', key === props.selected && 'selected', props.rowClass?.(row)]}
          style={{
            transform: `translateY(${start - 30}px)`,
            top: '30px',
            gridTemplateColumns: group ? '1fr' : columns,
          }}
          tabindex={index === current ? 0 : -1}
          onFocus={() => {
            active.value = key;
          }}
          onContextmenu={event => {
            const items = props.menu?.(row) ?? [];
            if (items.length === 0) event.stopPropagation();
            else pointed.value = row as typeof pointed.value;
          }}
          onClick={event => {
            if ((event.target as HTMLElement).closest('button, a, input, [role=menuitem]')) return;
            active.value = key;
            props.onOpen?.(row);
          }}
        >
          {group ? (
            <div role="gridcell" aria-colspan={props.columns.length}>
              {group}
            </div>
          ) : (
            props.columns.map(column => (
              <div role="gridcell" key={column.key} class={['td', 'ellipsis', column.end && 'end', column.class]}>
                {column.cell(row)}
              </div>
            ))
          )}
        </div>
      );
    };

    return () => {
      const columns = props.columns.map(({ width }) => width).join(' ');
      const items = virtualizer.value.getVirtualItems();
      const current = activeIndex();
      const table = (
        <div
          class="table"
          ref={scroller}
          role="grid"
          aria-label={props.label}
          aria-rowcount={props.rows.length + 1}
          aria-colcount={props.columns.length}
          onKeydown={onKeydown}
          onScroll={() => {
            if (props.scrolled) props.scrolled.top = scroller.value?.scrollTop ?? 0;
          }}
        >
          {head(columns)}
          <div role="rowgroup" style={{ height: `${virtualizer.value.getTotalSize()}px` }}>
            {items.map(({ index, start }) => line(index, start, columns, current))}
          </div>
        </div>
      );
      if (!props.menu) return table;
      return contextMenu(table, () => (pointed.value === undefined ? [] : (props.menu?.(pointed.value as Row) ?? [])));
    };
  },
  {
    props: [
      'label',
      'rows',
      'columns',
      'keyOf',
      'rowHeight',
      'selected',
      'sorting',
      'group',
      'rowClass',
      'onSort',
      'onArrange',
      'onOpen',
      'onKey',
      'menu',
      'scrolled',
    ],
  },
);
