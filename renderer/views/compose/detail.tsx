import { Play, RotateCw, Square } from '@lucide/vue';
import { computed, defineAsyncComponent, defineComponent, h, shallowRef, type VNode, watch } from 'vue';
import { RouterLink, useRouter } from 'vue-router';
import { containerInspect } from '../../../contracts/docker/container-routes.ts';
import { button, detailView, moreMenu, tabs } from '../../components/index.ts';
import { memorySize, percent, plainText } from '../../model/index.ts';
import { type ComposeProject, engine, t, useCompose, useStats } from '../../stores/index.ts';
import { containerState } from '../containers/state.tsx';
import type { LogSource } from '../logs/feed.ts';
import { projectMenu, run } from './actions.ts';
import { projectState } from './state.tsx';

const Logs = defineAsyncComponent(async () => (await import('../logs/logs.tsx')).Logs);
const ComposeFile = defineAsyncComponent(async () => (await import('./file.tsx')).ComposeFile);

/** One project: its services, the logs of all of them together, its file, and what compose last said. */
export const ComposeDetail = defineComponent(
  (props: { project: ComposeProject; tab: string }) => {
    const compose = useCompose();
    const stats = useStats();
    const router = useRouter();
    const sources = shallowRef<LogSource[]>([]);
    const ids = computed(() => props.project.containers.map(({ id }) => id).join());
    watch(ids, readSources, { immediate: true });

    /** Whether each has a terminal is known only by asking. */
    async function readSources(): Promise<void> {
      const found = await Promise.all(
        props.project.containers.map(async ({ id, name, service }) => {
          const document = await engine.json(containerInspect, { path: { ref: id } }).catch(() => undefined);
          return { id, name: service || name, tty: document?.Config.Tty ?? false };
        }),
      );
      sources.value = found.sort((a, b) => (a.name < b.name ? -1 : 1));
    }

    const services = (): VNode => (
      <div class="body" tabindex={0}>
        {props.project.containers.length === 0 ? <p class="soft">{t().compose.nothing}</p> : undefined}
        <table class="simple" aria-label={t().compose.services}>
          <tbody>
            {props.project.containers.map(row => {
              const reading = row.state === 'running' ? stats.latest(row.id) : undefined;
              return (
                <tr key={row.id}>
                  <td>
                    <RouterLink to={`/containers/${row.id}/overview`}>
                      {{ default: () => row.service || row.name }}
                    </RouterLink>
                  </td>
                  <td>{containerState(row)}</td>
                  <td class="end">{reading ? percent(reading.cpuPercent) : '–'}</td>
                  <td class="end">{reading ? memorySize(reading.memoryBytes) : '–'}</td>
                  <td class="mono">
                    {row.ports.map(({ text, link }) =>
                      link ? (
                        <a key={text} href={link} target="_blank" rel="noopener noreferrer">
                          {text}{' '}
                        </a>
                      ) : undefined,
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    );

    const output = (): VNode => (
      <div class="body" tabindex={0}>
        <pre class="raw" role="log" aria-live="off">
          {plainText(compose.outputs.get(props.project.name) ?? '') || t().compose.silent}
        </pre>
      </div>
    );

    const actions = (): VNode => {
      const texts = t().compose.actions;
      const { project } = props;
      const common = { iconOnly: true, disabled: compose.busy.has(project.name) };
      const start = project.files.length > 0 ? 'up' : 'start';
      return (
        <span class="row">
          {button({ ...common, label: texts[start], icon: Play, onClick: () => run(project, start) })}
          {project.running > 0
            ? button({ ...common, label: texts.restart, icon: RotateCw, onClick: () => run(project, 'restart') })
            : undefined}
          {project.running > 0
            ? button({ ...common, label: texts.stop, icon: Square, onClick: () => run(project, 'stop') })
            : undefined}
          {moreMenu(t().common.more, projectMenu(project))}
        </span>
      );
    };

    const logs = (): VNode =>
      sources.value.length > 0
        ? h(Logs, { key: props.project.name, name: props.project.name, sources: sources.value })
        : services();

    return () => {
      const { project } = props;
      return detailView({
        name: project.name,
        sub: projectState(project),
        actions: actions(),
        close: () => void router.push('/compose'),
        content: tabs(
          t().common.details,
          [
            { key: 'services', label: t().compose.services, content: services },
            { key: 'logs', label: t().detail.logs, content: logs },
            { key: 'file', label: t().compose.file, content: () => h(ComposeFile, { key: project.name, project }) },
            { key: 'output', label: t().compose.output, content: output },
          ],
          props.tab,
          key => void router.replace(`/compose/${project.name}/${key}`),
        ),
      });
    };
  },
  { props: ['project', 'tab'] },
);
