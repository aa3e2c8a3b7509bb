import { computed, ref, watch } from 'vue';
import { groupedLines, inOrder, type ListLine, matchingRows, movedTo, toggled } from '../../model/index.ts';
import { usePreferences } from '../../stores/index.ts';
import type { Column } from '../base/data-table.tsx';

export interface ListColumn<Row> extends Omit<Column<Row>, 'sortable'> {
  /** How the list is sorted by it. */
  compare?: (left: Row, right: Row) => number;
  /** It is hidden while a row is open beside the list. */
  aside?: boolean;
  /** It is hidden where the window has little room. */
  spare?: boolean;
  /** It can be neither hidden nor moved. */
  fixed?: boolean;
}

export interface ListSource<Row> {
  /** The name under which the list is remembered. */
  name: string;
  rows: readonly Row[];
  columns: readonly ListColumn<Row>[];
  keyOf: (row: Row) => string;
  /** What the search looks at. */
  words: (row: Row) => string;
  groupOf?: ((row: Row) => string) | undefined;
  /** The key of the row that is open beside. */
  selected?: string | undefined;
}

/** What a list keeps while one looks at another view. */
interface Kept {
  search: string;
  scrolled: { top: number };
  folded: ReadonlySet<string>;
}
const keptLists = new Map<string, Kept>();

function keptOf(name: string): Kept {
  const kept = keptLists.get(name) ?? { search: '', scrolled: { top: 0 }, folded: new Set<string>() };
  keptLists.set(name, kept);
  return kept;
}

interface Remembered {
  sorting?: { key: string; down: boolean };
  hidden?: string[];
  /** Keys of the columns, as they were arranged. */
  order?: string[];
}

function remembered(name: string): Remembered {
  try {
    return JSON.parse(localStorage.getItem(`berth.list.${name}`) ?? '{}') as Remembered;
  } catch {
    return {};
  }
}

/** Search, order, columns, folded groups and checked rows of a list, and the lines that come of them. */
export function useListState<Row>(source: ListSource<Row>) {
  const preferences = usePreferences();
  const kept = keptOf(source.name);
  const search = ref(kept.search);
  const folded = ref(kept.folded);
  const checked = ref<ReadonlySet<string>>(new Set());
  const before = remembered(source.name);
  const sorting = ref(before.sorting ?? { key: source.columns.find(({ compare }) => compare)?.key ?? '', down: false });
  const hidden = ref<ReadonlySet<string>>(new Set(before.hidden));
  const order = ref<readonly string[]>(before.order ?? []);
  watch([search, folded], () => Object.assign(kept, { search: search.value, folded: folded.value }));
  watch([sorting, hidden, order], () => {
    const now = { sorting: sorting.value, hidden: [...hidden.value], order: order.value };
    localStorage.setItem(`berth.list.${source.name}`, JSON.stringify(now));
  });

  const found = computed(() => {
    const { key, down } = sorting.value;
    const rows = matchingRows(source.rows, search.value, source.words);
    const compare = source.columns.find(column => column.key === key)?.compare;
    return compare ? rows.sort((left, right) => (down ? -compare(left, right) : compare(left, right))) : rows;
  });
  const lines = computed((): ListLine<Row>[] =>
    groupedLines(found.value, source.keyOf, source.groupOf ?? (() => ''), folded.value),
  );
  const chosen = computed(() => source.rows.filter(row => checked.value.has(source.keyOf(row))));
  const arranged = computed(() => inOrder(source.columns, order.value));
  /** Those that its user arranges. */
  const choices = computed(() => arranged.value.filter(({ fixed }) => !fixed));
  const columns = computed(() =>
    arranged.value.filter(
      ({ key, aside, spare }) =>
        !hidden.value.has(key) && !(aside && source.selected !== undefined) && !(spare && preferences.isNarrow),
    ),
  );

  return {
    ...{ search, sorting, hidden, found, lines, chosen, checked, choices, columns, folded },
    scrolled: kept.scrolled,
    sort: (key: string): void => {
      sorting.value = { key, down: sorting.value.key === key && !sorting.value.down };
    },
    fold: (group: string): void => {
      folded.value = toggled(folded.value, group);
    },
    hide: (key: string): void => {
      hidden.value = toggled(hidden.value, key);
    },
    move: (key: string, place: number): void => {
      const keys = choices.value.map(column => column.key);
      order.value = movedTo(keys, key, place);
    },
    resetColumns: (): void => {
      hidden.value = new Set();
      order.value = [];
    },
    check: (row: Row): void => {
      checked.value = toggled(checked.value, source.keyOf(row));
    },
    checkAll: (rows: readonly Row[]): void => {
      const keys = rows.map(source.keyOf);
      const all = keys.every(key => checked.value.has(key));
      checked.value = new Set(all ? [] : keys);
    },
    uncheck: (): void => {
      checked.value = new Set();
    },
  };
}

export type ListState<Row> = ReturnType<typeof useListState<Row>>;
