import { ChevronDown, ChevronRight } from '@lucide/vue';
import { defineComponent, h, type VNode } from 'vue';
import type { ListLine } from '../../model/index.ts';
import { t, usePreferences } from '../../stores/index.ts';
import { ColumnChooser } from '../base/column-chooser.tsx';
import { button } from '../base/controls.tsx';
import { type Column, DataTable } from '../base/data-table.tsx';
import { searchField } from '../base/fields.tsx';
import { type MenuItem, rowMenuButton } from '../base/menu.tsx';
import { Split } from '../base/split.tsx';
import { type ListColumn, type ListSource, useListState } from './list-state.ts';
import { engineAway } from './start-engine.tsx';

export interface ObjectListProps<Row> extends ListSource<Row> {
  title: string;
  /** How many, beside the title. */
  count?: string;
  /** False until it was read. */
  loaded: boolean;
  nameOf: (row: Row) => string;
  /** What the view offers, the primary action last. */
  actions?: VNode | VNode[];
  /** Beside the search. */
  filters?: VNode | VNode[] | undefined;
  /** In place of a list without rows. */
  empty?: VNode;
  /** What can be done with a row: by its three dots, and by the right button of the mouse. */
  menu?: (row: Row) => readonly MenuItem[];
  /** The action of a row that is at hand. */
  quick?: (row: Row) => VNode | undefined;
  /** What can be done with all rows that are checked. */
  bulk?: (rows: readonly Row[]) => readonly MenuItem[];
  /** What a key does on a row. */
  keys?: (row: Row) => Readonly<Record<string, () => void>>;
  /** A group's head, after its name. */
  groupHead?: (group: string, rows: readonly Row[]) => VNode[];
  onOpen?: (row: Row) => void;
  /** What is open, beside the list or in its place. */
  detail?: (() => VNode) | undefined;
  /** The detail takes the whole width. */
  wide?: boolean;
}

/** A list of objects: search, order, columns, groups, several at once, and what is open of it beside. */
export const ObjectList = defineComponent(
  <Row,>(props: ObjectListProps<Row>) => {
    const state = useListState<Row>(props);
    const preferences = usePreferences();

    const onKey = (line: ListLine<Row>, key: string): boolean => {
      if ('group' in line) return false;
      if (key === ' ' && props.bulk) {
        state.check(line.row);
        return true;
      }
      const action = props.keys?.(line.row)[key];
      action?.();
      return action !== undefined;
    };

    const checkbox = (row: Row): VNode => (
      <input
        type="checkbox"
        tabindex={-1}
        aria-label={t().common.select(props.nameOf(row))}
        checked={state.checked.value.has(props.keyOf(row))}
        onChange={() => state.check(row)}
      />
    );

    const actions = (row: Row): VNode => (
      <span class="row">
        {props.quick?.(row)}
        {props.menu && rowMenuButton(t().common.more)}
      </span>
    );

    const columns = (): Column<ListLine<Row>>[] => {
      const of = (column: ListColumn<Row>): Column<ListLine<Row>> => ({
        ...column,
        ...(column.key === 'name' && { class: 'title' }),
        sortable: column.compare !== undefined,
        movable: !column.fixed,
        cell: line => ('row' in line ? column.cell(line.row) : undefined),
      });
      const more = { hideLabel: true, fixed: true };
      return [
        ...(props.bulk
          ? [of({ ...more, key: 'check', label: t().common.selectAll, width: '26px', cell: checkbox })]
          : []),
        ...state.columns.value.map(of),
        ...(props.menu || props.quick
          ? [of({ ...more, key: 'actions', label: t().common.actions, width: '64px', class: 'actions', cell: actions })]
          : []),
      ];
    };

    /** A column takes the place of another. */
    const arrange = (key: string, to: string): void =>
      state.move(
        key,
        state.choices.value.findIndex(column => column.key === to),
      );

    const group = (line: ListLine<Row>): VNode | undefined => {
      if ('row' in line) return undefined;
      const isFolded = state.folded.value.has(line.group);
      return (
        <span class="row">
          {button({
            label: isFolded ? t().common.unfold(line.group) : t().common.fold(line.group),
            icon: isFolded ? ChevronRight : ChevronDown,
            iconOnly: true,
            kind: 'quiet',
            onClick: () => state.fold(line.group),
          })}
          <span>{line.group}</span>
          {props.groupHead?.(line.group, line.rows)}
        </span>
      );
    };

    const bulk = (): VNode | undefined => {
      const rows = state.chosen.value;
      if (!props.bulk || rows.length === 0) return undefined;
      const all = state.found.value;
      return (
        <div class="row" role="toolbar" aria-label={t().common.actions}>
          <span>{t().common.selected(rows.length)}</span>
          {rows.length < all.length &&
            button({ label: t().common.selectAll, kind: 'quiet', onClick: () => state.checkAll(all) })}
          {props
            .bulk(rows)
            .map(({ label, icon, danger, disabled, run }) =>
              button({ label, icon, kind: danger ? 'danger' : undefined, disabled, onClick: run }),
            )}
          {button({ label: t().common.unselect, kind: 'quiet', onClick: state.uncheck })}
        </div>
      );
    };

    const toolbar = (): VNode => (
      <div class="toolbar">
        {searchField(t().common.searchIn(props.title), state.search.value, value => {
          state.search.value = value;
        })}
        {props.filters}
        {bulk()}
        <span class="grow" />
        <ColumnChooser
          choices={state.choices.value.map(({ key, label }) => ({ key, label, chosen: !state.hidden.value.has(key) }))}
          onToggle={state.hide}
          onMove={state.move}
          onReset={state.resetColumns}
        />
      </div>
    );

    const isEmpty = (): boolean => props.loaded && props.rows.length === 0 && props.empty !== undefined;

    const content = (): VNode | undefined => {
      if (!props.loaded) return engineAway();
      if (isEmpty()) return props.empty;
      if (state.lines.value.length === 0) return <p class="empty">{t().common.nothingFound}</p>;
      const { menu } = props;
      return h(DataTable<ListLine<Row>>, {
        label: props.title,
        rows: state.lines.value,
        columns: columns(),
        keyOf: (line: ListLine<Row>) => line.key,
        rowHeight: preferences.rowHeight,
        selected: props.selected,
        sorting: state.sorting.value,
        scrolled: state.scrolled,
        group,
        rowClass: (line: ListLine<Row>) => ('row' in line && props.groupOf?.(line.row) ? 'member' : undefined),
        menu: menu && ((line: ListLine<Row>) => ('row' in line ? menu(line.row) : [])),
        onSort: state.sort,
        onArrange: arrange,
        onOpen: (line: ListLine<Row>) => ('row' in line ? props.onOpen?.(line.row) : state.fold(line.group)),
        onKey,
      });
    };

    const list = (): VNode => (
      <div class="view">
        <header class="head">
          <div class="title grow">
            <h1>{props.title}</h1>
            <span class="soft">{props.count}</span>
          </div>
          {props.actions}
        </header>
        {isEmpty() ? undefined : toolbar()}
        {content()}
      </div>
    );

    return () =>
      props.detail && props.wide ? (
        props.detail()
      ) : (
        <Split name={props.name} label={t().common.resize} left={list} right={props.detail} />
      );
  },
  {
    props: [
      ...(['name', 'rows', 'columns', 'keyOf', 'words', 'groupOf', 'selected', 'title', 'count', 'loaded'] as const),
      ...(['nameOf', 'actions', 'filters', 'empty', 'menu', 'quick', 'bulk', 'keys', 'groupHead', 'onOpen'] as const),
      ...(['detail', 'wide'] as const),
    ],
  },
);
