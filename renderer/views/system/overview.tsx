import { computed, defineAsyncComponent, defineComponent, h, shallowRef, type VNode, watch } from 'vue';
import { RouterLink } from 'vue-router';
import type { EventMessage } from '../../../contracts/docker/events.ts';
import type { DiskUsage } from '../../../contracts/docker/system.ts';
import { systemDiskUsage } from '../../../contracts/docker/system-routes.ts';
import { engineAway, fact, stateDot } from '../../components/index.ts';
import { byteSize, memorySize, percent, relativeTime, shortId, summedReadings } from '../../model/index.ts';
import {
  engine,
  t,
  useClock,
  useConnection,
  useContainers,
  useImages,
  usePreferences,
  useStats,
} from '../../stores/index.ts';
import { endedBadly } from '../containers/state.tsx';

const Chart = defineAsyncComponent(async () => (await import('../../components/charts.ts')).Chart);

/** So many seconds are drawn. */
const chartSeconds = 600;
const shownEvents = 12;

/** It takes a while to measure: what was measured last is shown until then. */
const usage = shallowRef<DiskUsage>();

/** What runs, is it well, what does it cost. */
export const Overview = defineComponent(() => {
  const connection = useConnection();
  const containers = useContainers();
  const images = useImages();
  const stats = useStats();
  const preferences = usePreferences();
  stats.show();

  watch(
    () => connection.about?.engine,
    (_now, before) => {
      if (before !== undefined) usage.value = undefined;
    },
  );
  watch([() => containers.rows.length, () => images.items, () => connection.engineUp], measure, { immediate: true });
  async function measure(): Promise<void> {
    if (connection.engineUp) usage.value = await engine.json(systemDiskUsage).catch(() => usage.value);
  }

  const sums = computed(() => {
    const readings = containers.running.flatMap(({ id }) => stats.latest(id) ?? []);
    return {
      isKnown: readings.length > 0 || containers.running.length === 0,
      cpu: readings.reduce((sum, { cpuPercent }) => sum + cpuPercent, 0),
      memory: readings.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    };
  });

  const together = computed(() =>
    summedReadings(
      containers.running.map(({ id }) => stats.of(id)),
      chartSeconds,
    ),
  );
  const charts = (): VNode | undefined => {
    const { times, cpuPercent, memoryBytes } = together.value;
    if (times.length < 2) return undefined;
    const common = { times, dark: preferences.dark };
    const line = (label: string, values: (number | null)[]) => [{ label, values, colour: '--accent' }];
    return (
      <section class="section two">
        {h(Chart, {
          ...common,
          title: t().stats.cpu,
          format: percent,
          least: 1,
          lines: line(t().stats.cpu, cpuPercent),
        })}
        {h(Chart, {
          ...common,
          title: t().stats.memory,
          binary: true,
          format: memorySize,
          least: 1024,
          lines: line(t().stats.memory, memoryBytes),
        })}
      </section>
    );
  };

  const attention = computed(() => {
    const texts = t().overview;
    return containers.rows.flatMap(({ id, name, state, health, status }) => {
      if (state === 'restarting') return [{ id, text: texts.restarting(name) }];
      if (health === 'unhealthy') return [{ id, text: texts.unhealthy(name) }];
      return state === 'exited' && endedBadly(status)
        ? [{ id, text: texts.exitedBadly(name, status.replace(/\).*/, ')')) }]
        : [];
    });
  });

  /** What takes room, the same things that `docker system df` counts. */
  const disk = computed(() => {
    const { LayersSize, Volumes, Containers, BuildCache } = usage.value ?? {};
    return [
      { label: t().overview.images, bytes: LayersSize ?? 0 },
      { label: t().nav.volumes, bytes: sumOf(Volumes?.map(({ UsageData }) => UsageData?.Size ?? 0)) },
      { label: t().overview.written, bytes: sumOf(Containers?.map(({ SizeRw }) => SizeRw ?? 0)) },
      {
        label: t().overview.buildCache,
        bytes: sumOf(BuildCache?.filter(({ Shared }) => !Shared).map(({ Size }) => Size)),
      },
    ];
  });

  const diskSection = (): VNode => (
    <section class="section">
      <h2>{t().overview.disk}</h2>
      <div class="parts" aria-hidden="true">
        {disk.value.map(({ label, bytes }, index) => (
          <i key={label} class={`lane-${index}`} style={{ flexGrow: bytes }} />
        ))}
      </div>
      <dl class="facts">
        {disk.value.map(({ label, bytes }, index) =>
          fact(label, <span class={['part', `lane-${index}`]}>{byteSize(bytes)}</span>),
        )}
      </dl>
    </section>
  );

  const card = (label: string, number: string, more: string): VNode => (
    <div class="card">
      <span class="soft">{label}</span>
      <span class="number">{number}</span>
      <span class="soft">{more}</span>
    </div>
  );

  /** Nothing is known of now while the engine is away, and before the first reading. */
  const now = (text: string): string => (connection.usable && sums.value.isKnown ? text : '–');

  const cards = (): VNode => {
    const texts = t().overview;
    const unused = sumOf(
      usage.value?.Images?.filter(({ Containers }) => Containers === 0).map(
        ({ Size, SharedSize }) => Size - Math.max(0, SharedSize),
      ),
    );
    const processors = connection.info?.NCPU ?? 0;
    return (
      <div class="cards">
        {card(texts.running, String(containers.running.length), texts.ofContainers(containers.rows.length))}
        {card(t().common.cpu, now(percent(sums.value.cpu)), `${t().common.of} ${processors * 100} %`)}
        {card(
          texts.memory,
          now(memorySize(sums.value.memory)),
          `${t().common.of} ${memorySize(connection.info?.MemTotal ?? 0)}`,
        )}
        {card(
          texts.disk,
          usage.value ? byteSize(sumOf(disk.value.map(({ bytes }) => bytes))) : '–',
          texts.reclaimable(byteSize(unused)),
        )}
      </div>
    );
  };

  const needs = (): VNode => (
    <section class="section">
      <h2>{t().overview.attention}</h2>
      {attention.value.length === 0 && <p>{stateDot('running', t().overview.allWell)}</p>}
      <ul class="plain">
        {attention.value.map(({ id, text }) => (
          <li key={id}>
            <RouterLink to={`/containers/${id}/logs`} class="row">
              {{ default: () => stateDot('failed', text) }}
            </RouterLink>
          </li>
        ))}
      </ul>
    </section>
  );

  const event = ({ Type, Action, Actor, timeNano }: EventMessage): VNode => (
    <li key={timeNano} class="event">
      <time class="soft ellipsis" title={new Date(timeNano / 1e6).toLocaleString(preferences.language)}>
        {relativeTime(timeNano / 1e6, useClock().now, preferences.language)}
      </time>
      <span class="soft">{Type}</span>
      <span class="ellipsis">{Action}</span>
      <span class="ellipsis">{shortName(Actor.Attributes.name ?? Actor.ID)}</span>
    </li>
  );

  return () => {
    const texts = t().overview;
    const info = connection.info;
    const events = connection.events.filter(isNews).slice(0, shownEvents);
    return (
      <div class="view">
        <header class="head">
          <h1>{texts.title}</h1>
        </header>
        {!containers.loaded && engineAway()}
        {containers.loaded && (
          <div class="body" tabindex={0}>
            {cards()}
            {charts()}
            <div class="columns">
              <div>
                {needs()}
                <section class="section">
                  <h2>{texts.events}</h2>
                  {events.length === 0 && <p class="soft">{texts.noEvents}</p>}
                  <ul class="plain">{events.map(event)}</ul>
                </section>
              </div>
              <div>
                {usage.value && diskSection()}
                <section class="section">
                  <h2>{texts.engine}</h2>
                  <dl class="facts">
                    {fact(t().settings.version, info?.ServerVersion)}
                    {fact(texts.kernel, info && `${info.KernelVersion}, ${info.OperatingSystem}`)}
                    {fact(texts.processors, info?.NCPU)}
                    {fact(texts.memory, info && memorySize(info.MemTotal))}
                  </dl>
                </section>
              </div>
            </div>
          </div>
        )}
      </div>
    );
  };
});

/** Not what comes along with something else. */
const isNews = ({ Type, Action }: EventMessage): boolean =>
  !(
    (Type === 'network' && /^(dis)?connect$/.test(Action)) ||
    (Type === 'volume' && /mount$/.test(Action)) ||
    (Type === 'container' && /^(attach|resize|top|exec_)/.test(Action))
  );

const shortName = (name: string): string => (/^(sha256:)?[0-9a-f]{64}$/.test(name) ? shortId(name) : name);

const sumOf = (numbers: readonly number[] | undefined): number =>
  (numbers ?? []).reduce((sum, each) => sum + Math.max(0, each), 0);
