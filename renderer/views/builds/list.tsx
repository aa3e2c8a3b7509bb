import { Database, Hammer, Square } from '@lucide/vue';
import { computed, defineComponent, h, type VNode } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import type { BuildSummary } from '../../../contracts/docker/builds.ts';
import { age, button, emptyList, folderButton, type ListColumn, ObjectList, stateDot } from '../../components/index.ts';
import { compareTexts, duration } from '../../model/index.ts';
import { t, useBuilds, useClock } from '../../stores/index.ts';
import { askBuild, stop } from './actions.ts';
import { BuildDetail } from './detail.tsx';

const dots = { running: 'warning', done: 'running', failed: 'failed', cancelled: 'stopped' } as const;
export const buildState = ({ state, error }: BuildSummary): VNode =>
  stateDot(dots[state], t().builds.states[state], error || t().builds.states[state]);

/** What a build is called: its image's names, else its file and stage. */
export const buildName = ({ names, dockerfile, target }: BuildSummary): string =>
  names.join(', ') || (target === '' ? dockerfile : `${dockerfile} (${target})`);

/** The builds that the engine keeps, the newest first; those that run go on before one's eyes. */
export const BuildList = defineComponent(() => {
  const builds = useBuilds();
  const clock = useClock();
  const route = useRoute();
  const router = useRouter();
  builds.show();
  const openId = computed(() => (typeof route.params.id === 'string' ? route.params.id : ''));
  const open = computed(() => builds.builds.find(({ id }) => id === openId.value));
  const took = ({ started, ended }: BuildSummary): number => (ended || Math.max(clock.now, started)) - started;

  const columns = (): ListColumn<BuildSummary>[] => [
    {
      key: 'started',
      label: t().builds.started,
      width: '130px',
      // the newest is the first that one wants to see
      compare: (a, b) => b.started - a.started,
      cell: ({ started }) => age(started),
    },
    {
      key: 'name',
      label: t().common.name,
      width: 'minmax(140px, 2fr)',
      fixed: true,
      compare: (a, b) => compareTexts(buildName(a), buildName(b)),
      cell: build => <span title={buildName(build)}>{buildName(build)}</span>,
    },
    {
      key: 'state',
      label: t().common.state,
      width: 'minmax(104px, 0.8fr)',
      compare: (a, b) => compareTexts(a.state, b.state),
      cell: buildState,
    },
    {
      key: 'steps',
      spare: true,
      label: t().builds.steps,
      width: 'minmax(110px, 1fr)',
      aside: true,
      cell: ({ steps, finished, cached }) => <span class="soft">{t().builds.progress(finished, steps, cached)}</span>,
    },
    {
      key: 'duration',
      label: t().builds.duration,
      width: '108px',
      end: true,
      compare: (a, b) => took(a) - took(b),
      cell: build => duration(took(build)),
    },
  ];

  const stopItem = ({ id, state }: BuildSummary) => ({
    label: t().builds.stop,
    icon: Square,
    disabled: state !== 'running',
    run: () => void stop(id),
  });

  const detail = (summary: BuildSummary) => (): VNode => <BuildDetail key={summary.id} summary={summary} />;
  const buildButton = (): VNode =>
    folderButton({ label: t().builds.build, icon: Hammer, kind: 'primary', chooseAll: askBuild });

  return () =>
    h(ObjectList<BuildSummary>, {
      name: 'builds',
      title: t().builds.title,
      count: t().builds.count(builds.builds.length),
      rows: builds.builds,
      loaded: builds.loaded,
      columns: columns(),
      keyOf: ({ id }: BuildSummary) => id,
      nameOf: buildName,
      words: (build: BuildSummary) => `${buildName(build)} ${build.dockerfile} ${build.state} ${build.error}`,
      selected: openId.value || undefined,
      actions: [
        button({ label: t().builds.cache, icon: Database, onClick: () => void router.push('/build-cache') }),
        buildButton(),
      ],
      empty: builds.problem
        ? emptyList(t().builds.none, builds.problem, 'docker build -t app .')
        : emptyList(t().builds.empty, t().builds.emptyHint, 'docker build -t app .', buildButton()),
      menu: (build: BuildSummary) => [stopItem(build)],
      onOpen: ({ id }: BuildSummary) => void router.push(`/builds/${id}`),
      detail: open.value && detail(open.value),
    });
});
