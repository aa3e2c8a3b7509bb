import { ChevronDown, ChevronRight, FileText, Play, Plus, RotateCw, Square, SquareTerminal, Trash2 } from '@lucide/vue';
import { computed, defineAsyncComponent, defineComponent, h, ref, type VNode } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import {
  button,
  type Column,
  DataTable,
  dialog,
  emptyList,
  engineAway,
  moreMenu,
  Split,
  searchField,
  stateDot,
} from '../../components/index.ts';
import {
  type ContainerRow,
  groupedLines,
  type ListLine,
  matchingRows,
  memorySize,
  percent,
  relativeTime,
  type Sorting,
  type SortKey,
  sortedRows,
} from '../../model/index.ts';
import { type ContainerAction, t, useClock, useContainers, usePreferences, useStats } from '../../stores/index.ts';
import { RunDialog } from './run.tsx';
import { stateOf } from './state.tsx';

const ContainerDetail = defineAsyncComponent(async () => (await import('./detail.tsx')).ContainerDetail);

/** All containers, by compose project, with what they use now. */
export const ContainerList = defineComponent(() => {
  const containers = useContainers();
  const stats = useStats();
  const preferences = usePreferences();
  const route = useRoute();
  const router = useRouter();
  stats.show();

  const search = ref(typeof route.query.search === 'string' ? route.query.search : '');
  const sorting = ref<Sorting>({ key: 'name', down: false });
  const folded = ref(new Set<string>());
  const checked = ref(new Set<string>());
  const onlyRunning = ref(false);
  const runOpen = computed(() => route.query.run !== undefined);
  const removing = ref<ContainerRow[]>([]);

  const shown = computed(() => {
    const rows = onlyRunning.value ? containers.running : containers.rows;
    return sortedRows(matchingRows(rows, search.value), sorting.value, stats.latest);
  });
  const lines = computed(() => groupedLines(shown.value, folded.value));
  const chosen = computed(() => containers.rows.filter(({ id }) => checked.value.has(id)));
  const openId = computed(() => (typeof route.params.id === 'string' ? route.params.id : ''));

  const toggled = (set: ReadonlySet<string>, key: string): Set<string> => {
    const now = new Set(set);
    if (!now.delete(key)) now.add(key);
    return now;
  };
  const open = (row: ContainerRow, tab = ''): void => {
    const current = tab || (typeof route.params.tab === 'string' && route.params.tab) || 'overview';
    void router.push(`/containers/${row.id}/${current}`);
  };
  const act = (row: ContainerRow, action: ContainerAction): void => void containers.act(row.id, action);

  function onKey(line: ListLine, key: string): boolean {
    if ('group' in line) return false;
    const { row } = line;
    const actions: Record<string, () => void> = {
      l: () => open(row, 'logs'),
      t: () => open(row, 'terminal'),
      s: () => act(row, row.state === 'running' ? 'stop' : 'start'),
      r: () => act(row, 'restart'),
      ' ': () => {
        checked.value = toggled(checked.value, row.id);
      },
      Delete: () => {
        removing.value = [row];
      },
    };
    actions[key]?.();
    return actions[key] !== undefined;
  }

  const menuOf = (row: ContainerRow) => {
    const texts = t().containers;
    const running = row.state === 'running';
    return [
      { label: texts.logs, icon: FileText, run: () => open(row, 'logs') },
      { label: texts.terminal, icon: SquareTerminal, disabled: !running, run: () => open(row, 'terminal') },
      { label: texts.restart, icon: RotateCw, disabled: !running, run: () => act(row, 'restart') },
      row.state === 'paused'
        ? { label: texts.resume, run: () => act(row, 'unpause') }
        : { label: texts.pause, disabled: !running, run: () => act(row, 'pause') },
      { label: texts.kill, disabled: !running, run: () => act(row, 'kill') },
      {
        label: t().common.remove,
        icon: Trash2,
        danger: true,
        run: () => {
          removing.value = [row];
        },
      },
    ];
  };

  const cell = (render: (row: ContainerRow) => VNode | string | undefined) => (line: ListLine) =>
    'row' in line ? render(line.row) : undefined;

  const checkbox = (row: ContainerRow): VNode => (
    <input
      type="checkbox"
      tabindex={-1}
      aria-label={t().common.select(row.name)}
      checked={checked.value.has(row.id)}
      onChange={() => {
        checked.value = toggled(checked.value, row.id);
      }}
    />
  );

  const state = (row: ContainerRow): VNode => {
    const busy = containers.busy.get(row.id);
    if (busy) return stateDot('warning', t().containers.busy[busy]);
    const health = row.health && row.health !== 'healthy' ? `, ${t().states[row.health]}` : '';
    return stateDot(stateOf(row), t().states[row.state] + health, row.status);
  };

  const ports = (row: ContainerRow): VNode => (
    <span class="mono">
      {row.ports.map(({ text, link }, index) => [
        index > 0 ? ' ' : '',
        link ? (
          <a key={text} href={link} target="_blank" rel="noopener noreferrer">
            {text}
          </a>
        ) : (
          <span key={text} class="soft">
            {text}
          </span>
        ),
      ])}
    </span>
  );

  const actions = (row: ContainerRow): VNode[] => {
    const running = row.state === 'running';
    return [
      button({
        label: running ? t().containers.stop : t().containers.start,
        icon: running ? Square : Play,
        iconOnly: true,
        kind: 'quiet',
        disabled: containers.busy.has(row.id) || row.state === 'paused',
        onClick: () => act(row, running ? 'stop' : 'start'),
      }),
      moreMenu(t().common.more, menuOf(row)),
    ];
  };

  const columns = computed((): Column<ListLine>[] => {
    const texts = t().common;
    const narrow = openId.value !== '';
    const all: (Column<ListLine> | false)[] = [
      { key: 'check', label: texts.selectAll, hideLabel: true, width: '26px', cell: cell(checkbox) },
      {
        key: 'name',
        label: texts.name,
        width: 'minmax(110px, 1.6fr)',
        sortable: true,
        cell: cell(row => <span title={row.name}>{row.name}</span>),
      },
      !narrow && {
        key: 'image',
        label: texts.image,
        width: 'minmax(100px, 1.4fr)',
        sortable: true,
        cell: cell(row => (
          <span class="soft" title={row.image}>
            {row.image}
          </span>
        )),
      },
      { key: 'state', label: texts.state, width: 'minmax(108px, 0.8fr)', sortable: true, cell: cell(state) },
      {
        key: 'cpu',
        label: texts.cpu,
        width: '72px',
        end: true,
        sortable: true,
        cell: cell(row => live(row, ({ cpuPercent }) => percent(cpuPercent))),
      },
      {
        key: 'memory',
        label: texts.memory,
        width: '84px',
        end: true,
        sortable: true,
        cell: cell(row => live(row, ({ memoryBytes }) => memorySize(memoryBytes))),
      },
      !narrow && { key: 'ports', label: texts.ports, width: 'minmax(90px, 1fr)', cell: cell(ports) },
      !narrow && { key: 'created', label: texts.created, width: '128px', sortable: true, cell: cell(created) },
      {
        key: 'actions',
        label: t().common.actions,
        hideLabel: true,
        width: '64px',
        class: 'actions',
        cell: cell(row => <span class="row">{actions(row)}</span>),
      },
    ];
    return all.filter(column => column !== false);
  });

  const live = (row: ContainerRow, text: (reading: { cpuPercent: number; memoryBytes: number }) => string): string => {
    const reading = row.state === 'running' ? stats.latest(row.id) : undefined;
    return reading ? text(reading) : '–';
  };
  const created = (row: ContainerRow): VNode => (
    <time class="soft" title={new Date(row.created).toLocaleString()}>
      {relativeTime(row.created, useClock().now, preferences.language)}
    </time>
  );

  const group = (line: ListLine): VNode | undefined => {
    if ('row' in line) return undefined;
    const running = line.rows.filter(row => row.state === 'running').length;
    const isFolded = folded.value.has(line.group);
    const ids = line.rows.map(({ id }) => id);
    return (
      <span class="row">
        {button({
          label: t().containers.project(line.group, running, line.rows.length),
          icon: isFolded ? ChevronRight : ChevronDown,
          iconOnly: true,
          kind: 'quiet',
          onClick: () => {
            folded.value = toggled(folded.value, line.group);
          },
        })}
        <span>{line.group}</span>
        <span class="soft">
          {running} / {line.rows.length}
        </span>
        <span class="grow" />
        {running > 0
          ? button({
              label: t().containers.stop,
              icon: Square,
              kind: 'quiet',
              onClick: () => void containers.actOnAll(ids, 'stop'),
            })
          : button({
              label: t().containers.start,
              icon: Play,
              kind: 'quiet',
              onClick: () => void containers.actOnAll(ids, 'start'),
            })}
      </span>
    );
  };

  const bulk = (): VNode => {
    const ids = [...checked.value];
    const texts = t().containers;
    const all = (action: ContainerAction): void => void containers.actOnAll(ids, action);
    return (
      <div class="row" role="toolbar" aria-label={t().common.actions}>
        <span>{t().common.selected(chosen.value.length)}</span>
        {button({ label: texts.start, icon: Play, onClick: () => all('start') })}
        {button({ label: texts.stop, icon: Square, onClick: () => all('stop') })}
        {button({ label: texts.restart, icon: RotateCw, onClick: () => all('restart') })}
        {button({
          label: t().common.remove,
          icon: Trash2,
          kind: 'danger',
          onClick: () => {
            removing.value = chosen.value;
          },
        })}
      </div>
    );
  };

  const runButton = (): VNode =>
    button({
      label: t().containers.run,
      icon: Plus,
      kind: 'primary',
      onClick: () => void router.push({ query: { run: '' } }),
    });

  const list = (): VNode => {
    const texts = t().containers;
    return (
      <div class="view">
        <header class="head">
          <div class="title grow">
            <h1>{texts.title}</h1>
            <span class="soft">{texts.count(containers.running.length, containers.rows.length)}</span>
          </div>
          {runButton()}
        </header>
        <div class="toolbar">
          {searchField(t().common.searchIn(texts.title), search.value, value => {
            search.value = value;
          })}
          {button({
            label: texts.onlyRunning,
            pressed: onlyRunning.value,
            onClick: () => {
              onlyRunning.value = !onlyRunning.value;
            },
          })}
          {chosen.value.length > 0 && bulk()}
        </div>
        {content()}
      </div>
    );
  };

  const content = (): VNode | undefined => {
    if (!containers.loaded) return engineAway();
    if (containers.rows.length === 0)
      return emptyList(t().containers.empty, t().containers.emptyHint, 'docker run -d -p 8080:80 nginx', runButton());
    if (lines.value.length === 0) return <p class="empty">{t().common.nothingFound}</p>;
    return h(DataTable<ListLine>, {
      label: t().containers.title,
      rows: lines.value,
      columns: columns.value,
      keyOf: (line: ListLine) => line.key,
      rowHeight: preferences.rowHeight,
      selected: openId.value || undefined,
      sorting: sorting.value,
      group,
      onSort: (key: string) => {
        sorting.value = { key: key as SortKey, down: sorting.value.key === key && !sorting.value.down };
      },
      onOpen: (line: ListLine) => {
        if ('row' in line) open(line.row);
        else folded.value = toggled(folded.value, line.group);
      },
      onKey,
    });
  };

  const removeDialog = (): VNode =>
    dialog({
      title: t().containers.removeTitle(removing.value.map(({ name }) => name)),
      open: removing.value.length > 0,
      close: () => {
        removing.value = [];
      },
      submit: remove,
      content: () => (
        <div>
          {removing.value.length > 1 && <p>{removing.value.map(({ name }) => name).join(', ')}</p>}
          <p>{t().containers.removeText}</p>
          {removing.value.some(({ state: now }) => now === 'running') && (
            <p class="error-text">{t().containers.removeRunning}</p>
          )}
        </div>
      ),
      footer: () => [
        button({ label: t().common.cancel, onClick: () => void removing.value.splice(0) }),
        button({ label: t().common.remove, kind: 'danger', submit: true, onClick: () => undefined }),
      ],
    });

  function remove(): void {
    const ids = removing.value.map(({ id }) => id);
    removing.value = [];
    checked.value = new Set();
    if (ids.includes(openId.value)) void router.push('/containers');
    void containers.actOnAll(ids, 'remove');
  }

  return () => {
    const detail = () =>
      h(ContainerDetail, {
        id: openId.value,
        tab: String(route.params.tab || 'overview'),
        wide: route.query.wide !== undefined,
      });
    return (
      <div class="view">
        {openId.value && route.query.wide !== undefined ? (
          detail()
        ) : (
          <Split name="containers" label={t().common.resize} left={list} right={openId.value ? detail : undefined} />
        )}
        {removeDialog()}
        {runOpen.value && <RunDialog />}
      </div>
    );
  };
});
