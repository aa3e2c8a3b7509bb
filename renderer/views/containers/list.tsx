import { Play, Plus, RotateCw, Square, Trash2 } from '@lucide/vue';
import { computed, defineAsyncComponent, defineComponent, h, ref, type VNode } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import { button, emptyList, type MenuItem, ObjectList } from '../../components/index.ts';
import { type ContainerRow, containerWords } from '../../model/index.ts';
import { type ContainerAction, t, useContainers, useStats } from '../../stores/index.ts';
import { askRemove, containerMenu } from './actions.ts';
import { containerColumns } from './cells.tsx';
import { RunDialog } from './run.tsx';

const ContainerDetail = defineAsyncComponent(async () => (await import('./detail.tsx')).ContainerDetail);

/** All containers, by compose project, with what they use now. */
export const ContainerList = defineComponent(() => {
  const containers = useContainers();
  const route = useRoute();
  const router = useRouter();
  useStats().show();
  const onlyRunning = ref(false);
  const rows = computed(() => (onlyRunning.value ? containers.running : containers.rows));
  const openId = computed(() => (typeof route.params.id === 'string' ? route.params.id : ''));

  const open = (row: ContainerRow, tab = ''): void => {
    const current = tab || (typeof route.params.tab === 'string' && route.params.tab) || 'overview';
    void router.push(`/containers/${row.id}/${current}`);
  };
  const act = (row: ContainerRow, action: ContainerAction): void => void containers.act(row.id, action);
  const closeIf = (gone: readonly ContainerRow[]) => (): void => {
    if (gone.some(({ id }) => id === openId.value)) void router.push('/containers');
  };
  const remove = (gone: readonly ContainerRow[]): void => askRemove(gone, closeIf(gone));

  const keys = (row: ContainerRow): Record<string, () => void> => ({
    l: () => open(row, 'logs'),
    t: () => open(row, 'terminal'),
    e: () => open(row, 'edit'),
    s: () => act(row, row.state === 'running' ? 'stop' : 'start'),
    r: () => act(row, 'restart'),
    Delete: () => remove([row]),
  });

  const quick = (row: ContainerRow): VNode => {
    const running = row.state === 'running';
    return button({
      label: running ? t().containers.stop : t().containers.start,
      icon: running ? Square : Play,
      iconOnly: true,
      kind: 'quiet',
      disabled: containers.busy.has(row.id) || row.state === 'paused',
      onClick: () => act(row, running ? 'stop' : 'start'),
    });
  };

  const bulk = (chosen: readonly ContainerRow[]): MenuItem[] => {
    const texts = t().containers;
    const all = (action: ContainerAction) => () =>
      void containers.actOnAll(
        chosen.map(({ id }) => id),
        action,
      );
    return [
      { label: texts.start, icon: Play, run: all('start') },
      { label: texts.stop, icon: Square, run: all('stop') },
      { label: texts.restart, icon: RotateCw, run: all('restart') },
      { label: t().common.remove, icon: Trash2, danger: true, run: () => remove(chosen) },
    ];
  };

  /** How many of a project run, and all of them started or stopped. */
  const groupHead = (_project: string, members: readonly ContainerRow[]): VNode[] => {
    const running = members.filter(({ state }) => state === 'running').length;
    const action = running > 0 ? 'stop' : 'start';
    const ids = members.map(({ id }) => id);
    return [
      <span class="soft">
        {running} / {members.length}
      </span>,
      <span class="grow" />,
      button({
        label: t().containers[action],
        icon: running > 0 ? Square : Play,
        kind: 'quiet',
        onClick: () => void containers.actOnAll(ids, action),
      }),
    ];
  };

  const runButton = (): VNode =>
    button({
      label: t().containers.run,
      icon: Plus,
      kind: 'primary',
      onClick: () => void router.push({ query: { run: '' } }),
    });

  const filters = (): VNode =>
    button({
      label: t().containers.onlyRunning,
      pressed: onlyRunning.value,
      onClick: () => {
        onlyRunning.value = !onlyRunning.value;
      },
    });

  const detail = (): VNode =>
    h(ContainerDetail, {
      id: openId.value,
      tab: String(route.params.tab || 'overview'),
      wide: route.query.wide !== undefined,
    });

  return () => (
    <div class="view">
      {h(ObjectList<ContainerRow>, {
        name: 'containers',
        title: t().containers.title,
        count: t().containers.count(containers.running.length, containers.rows.length),
        rows: rows.value,
        loaded: containers.loaded,
        columns: containerColumns(),
        keyOf: (row: ContainerRow) => row.id,
        nameOf: (row: ContainerRow) => row.name,
        words: containerWords,
        groupOf: (row: ContainerRow) => row.project,
        groupHead,
        selected: openId.value || undefined,
        actions: runButton(),
        filters: filters(),
        // all there are may be hidden by the filter
        empty: onlyRunning.value
          ? undefined
          : emptyList(t().containers.empty, t().containers.emptyHint, 'docker run -d -p 8080:80 nginx', runButton()),
        quick,
        menu: (row: ContainerRow) => containerMenu(row, tab => open(row, tab), closeIf([row])),
        bulk,
        keys,
        onOpen: (row: ContainerRow) => open(row),
        detail: openId.value ? detail : undefined,
        wide: route.query.wide !== undefined,
      })}
      {route.query.run !== undefined && <RunDialog />}
    </div>
  );
});
