import { Maximize2, Minimize2, Play, RotateCw, Square, X } from '@lucide/vue';
import { computed, defineAsyncComponent, defineComponent, h, ref, shallowRef, type VNode, watch } from 'vue';
import { useRouter } from 'vue-router';
import { containerInspect, containerTop } from '../../../contracts/docker/container-routes.ts';
import type { ContainerInspect, ContainerTop } from '../../../contracts/docker/containers.ts';
import { messageOf } from '../../../contracts/errors.ts';
import { button, DocumentTree, stateDot, tabs } from '../../components/index.ts';
import { type ContainerRow, relativeTime } from '../../model/index.ts';
import { engine, t, useClock, useContainers, usePreferences } from '../../stores/index.ts';
import { FileBrowser } from '../files/browser.tsx';
import { containerFiles } from '../files/source.ts';
import { containerFacts } from './facts.tsx';
import { stateOf } from './state.tsx';

const Logs = defineAsyncComponent(async () => (await import('../logs/logs.tsx')).Logs);
const Terminal = defineAsyncComponent(async () => (await import('./terminal.tsx')).Terminal);
const Edit = defineAsyncComponent(async () => (await import('./edit.tsx')).Edit);
const Statistics = defineAsyncComponent(async () => (await import('./statistics.tsx')).Statistics);

/** One container beside the list, or in its place. */
export const ContainerDetail = defineComponent(
  (props: { id: string; tab: string; wide: boolean }) => {
    const containers = useContainers();
    const router = useRouter();
    const document = shallowRef<ContainerInspect>();
    const error = ref('');
    const row = computed(() => containers.row(props.id));
    const files = computed(() => containerFiles(props.id, row.value?.state === 'running'));
    const top = shallowRef<ContainerTop>();

    // the row is replaced whenever an event names the container
    watch([() => props.id, row], read, { immediate: true });
    watch([() => props.tab, row], readProcesses, { immediate: true });

    async function read(): Promise<void> {
      try {
        const found = await engine.json(containerInspect, { path: { ref: props.id } });
        document.value = found;
        error.value = '';
      } catch (failure) {
        error.value = containers.loaded && !row.value ? t().detail.gone : messageOf(failure);
      }
    }

    async function readProcesses(): Promise<void> {
      if (props.tab !== 'processes' || row.value?.state !== 'running') return;
      top.value = await engine.json(containerTop, { path: { ref: props.id } }).catch(() => undefined);
    }

    const go = (tab: string, wide = props.wide): void =>
      void router.replace({ path: `/containers/${props.id}/${tab}`, query: wide ? { wide: '1' } : {} });

    const stateText = (state: ContainerRow['state']): string => {
      const at = Date.parse(document.value?.State[state === 'running' ? 'StartedAt' : 'FinishedAt'] ?? '');
      const when = at > 0 ? relativeTime(at, useClock().now, usePreferences().language) : '';
      if (when === '') return t().states[state];
      return state === 'running' ? t().detail.runsSince(when) : `${t().states[state]}, ${when}`;
    };

    const head = (): VNode => {
      const texts = t().containers;
      const now = row.value;
      const running = now?.state === 'running';
      return (
        <header class="head" style={{ padding: '12px 12px 4px 20px' }}>
          <div class="grow">
            <h2 class="ellipsis" style={{ fontSize: '15px' }}>
              {now?.name ?? document.value?.Name.slice(1)}
            </h2>
            {now && stateDot(stateOf(now), stateText(now.state))}
          </div>
          {now &&
            !running &&
            button({
              label: texts.start,
              icon: Play,
              iconOnly: true,
              onClick: () => void containers.act(props.id, 'start'),
            })}
          {running &&
            button({
              label: texts.restart,
              icon: RotateCw,
              iconOnly: true,
              onClick: () => void containers.act(props.id, 'restart'),
            })}
          {running &&
            button({
              label: texts.stop,
              icon: Square,
              iconOnly: true,
              onClick: () => void containers.act(props.id, 'stop'),
            })}
          {button({
            label: props.wide ? t().common.back : t().common.details,
            icon: props.wide ? Minimize2 : Maximize2,
            iconOnly: true,
            kind: 'quiet',
            onClick: () => go(props.tab, !props.wide),
          })}
          {button({
            label: t().common.close,
            icon: X,
            iconOnly: true,
            kind: 'quiet',
            onClick: () => void router.push('/containers'),
          })}
        </header>
      );
    };

    const content = (tab: string): VNode => {
      const { id } = props;
      const found = document.value;
      if (!found || found.Id !== id) return <div class="body soft">{error.value}</div>;
      const name = found.Name.slice(1);
      if (tab === 'logs') return h(Logs, { key: id, name, sources: [{ id, name, tty: found.Config.Tty ?? false }] });
      if (tab === 'terminal') return h(Terminal, { key: id, id });
      if (tab === 'stats') return h(Statistics, { key: id, id });
      if (tab === 'files') return h(FileBrowser, { key: id, source: files.value });
      if (tab === 'inspect') return h(DocumentTree, { document: found });
      if (tab === 'edit') return h(Edit, { key: id, document: found });
      return tab === 'processes' ? processes(top.value) : containerFacts(found);
    };

    return () => {
      const texts = t().detail;
      const names = { overview: texts.overview, logs: texts.logs, terminal: texts.terminal, files: texts.files };
      const more = { stats: texts.stats, processes: texts.processes, inspect: texts.inspect, edit: texts.edit };
      const all = Object.entries({ ...names, ...more }).map(([key, label]) => ({
        key,
        label,
        content: () => content(key),
      }));
      return (
        <section class="view" aria-label={row.value?.name ?? t().common.details}>
          {head()}
          {error.value && (
            <p class="error-text" style={{ padding: '0 20px' }}>
              {error.value}
            </p>
          )}
          {tabs(t().common.details, all, props.tab, tab => go(tab))}
        </section>
      );
    };
  },
  { props: ['id', 'tab', 'wide'] },
);

const processes = (top: ContainerTop | undefined): VNode => (
  <div class="body" tabindex={0}>
    <table class="simple processes">
      <thead>
        <tr>
          {top?.Titles.map(title => (
            <th key={title} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {top?.Processes.map(process => (
          <tr key={process.join(' ')}>
            {process.map((cell, index) => (
              <td key={top.Titles[index]}>
                <code>{cell}</code>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);
