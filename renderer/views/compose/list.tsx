import { FolderOpen, Play, Square } from '@lucide/vue';
import { computed, defineComponent, h, type VNode } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import { button, emptyList, type ListColumn, ObjectList } from '../../components/index.ts';
import { compareTexts, memorySize, percent } from '../../model/index.ts';
import { type ComposeProject, t, useCompose, useContainers, useStats } from '../../stores/index.ts';
import { askOpen, projectMenu, run } from './actions.ts';
import { ComposeDetail } from './detail.tsx';
import { projectState } from './state.tsx';

/** All compose projects: of containers that are there, and of files that were opened. */
export const ComposeList = defineComponent(() => {
  const compose = useCompose();
  const containers = useContainers();
  const stats = useStats();
  const route = useRoute();
  const router = useRouter();
  stats.show();
  const openName = computed(() => (typeof route.params.id === 'string' ? route.params.id : ''));
  const open = computed(() => compose.projects.find(({ name }) => name === openName.value));

  const sum = (project: ComposeProject, of: 'cpuPercent' | 'memoryBytes'): number =>
    project.containers.reduce(
      (total, { id, state }) => total + (state === 'running' ? (stats.latest(id)?.[of] ?? 0) : 0),
      0,
    );
  /** Nothing is told before the first reading. */
  const live = (
    project: ComposeProject,
    of: 'cpuPercent' | 'memoryBytes',
    format: (value: number) => string,
  ): string =>
    project.containers.some(({ id, state }) => state === 'running' && stats.latest(id))
      ? format(sum(project, of))
      : '–';
  const services = ({ containers: all }: ComposeProject): string =>
    [...new Set(all.map(({ service }) => service).filter(Boolean))].sort(compareTexts).join(', ');

  const columns = (): ListColumn<ComposeProject>[] => [
    {
      key: 'name',
      label: t().common.name,
      width: 'minmax(110px, 1fr)',
      fixed: true,
      compare: (a, b) => compareTexts(a.name, b.name),
      cell: ({ name }) => name,
    },
    {
      key: 'state',
      label: t().common.state,
      width: 'minmax(144px, 0.8fr)',
      compare: (a, b) => a.running - b.running,
      cell: projectState,
    },
    {
      key: 'services',
      label: t().compose.services,
      width: 'minmax(120px, 1.6fr)',
      aside: true,
      cell: project => (
        <span class="soft" title={services(project)}>
          {services(project)}
        </span>
      ),
    },
    {
      key: 'cpu',
      label: t().common.cpu,
      width: '88px',
      end: true,
      compare: (a, b) => sum(a, 'cpuPercent') - sum(b, 'cpuPercent'),
      cell: project => live(project, 'cpuPercent', percent),
    },
    {
      key: 'memory',
      label: t().common.memory,
      width: '104px',
      end: true,
      compare: (a, b) => sum(a, 'memoryBytes') - sum(b, 'memoryBytes'),
      cell: project => live(project, 'memoryBytes', memorySize),
    },
    {
      key: 'file',
      spare: true,
      label: t().compose.file,
      width: 'minmax(120px, 1.6fr)',
      aside: true,
      cell: ({ files }) => (
        <span class="mono soft" title={files.join(', ')}>
          {files.join(', ')}
        </span>
      ),
    },
  ];

  const quick = (project: ComposeProject): VNode => {
    const action = project.running > 0 ? 'stop' : project.files.length > 0 ? 'up' : 'start';
    return button({
      label: t().compose.actions[action],
      icon: project.running > 0 ? Square : Play,
      iconOnly: true,
      kind: 'quiet',
      disabled: compose.busy.has(project.name),
      onClick: () => run(project, action),
    });
  };

  const openButton = (): VNode =>
    button({
      label: t().compose.open,
      icon: FolderOpen,
      kind: 'primary',
      onClick: () => askOpen(name => void router.push(`/compose/${name}/file`)),
    });

  const detail = (project: ComposeProject) => (): VNode => (
    <ComposeDetail key={project.name} project={project} tab={String(route.params.tab || 'services')} />
  );

  return () =>
    h(ObjectList<ComposeProject>, {
      name: 'compose',
      title: 'Compose',
      count: t().compose.count(compose.projects.length),
      rows: compose.projects,
      loaded: containers.loaded,
      columns: columns(),
      keyOf: ({ name }: ComposeProject) => name,
      nameOf: ({ name }: ComposeProject) => name,
      words: (project: ComposeProject) => `${project.name} ${services(project)} ${project.files.join(' ')}`,
      selected: openName.value || undefined,
      actions: openButton(),
      empty: emptyList(t().compose.empty, t().compose.emptyHint, 'docker compose up -d', openButton()),
      quick,
      menu: projectMenu,
      bulk: (rows: readonly ComposeProject[]) =>
        projectMenu({ ...(rows[0] as ComposeProject), name: '' })
          .slice(1, 3)
          .map((item, index) => ({
            ...item,
            disabled: rows.every(({ running }) => running === 0),
            run: () => {
              for (const project of rows) if (project.running > 0) run(project, index === 0 ? 'restart' : 'stop');
            },
          })),
      onOpen: ({ name }: ComposeProject) => void router.push(`/compose/${name}`),
      detail: open.value && detail(open.value),
    });
});
