import { Square } from '@lucide/vue';
import { defineAsyncComponent, defineComponent, h, onBeforeUnmount, onMounted, ref, shallowRef, type VNode } from 'vue';
import { RouterLink, useRouter } from 'vue-router';
import { buildLog } from '../../../contracts/docker/build-routes.ts';
import type { BuildNews, BuildSummary } from '../../../contracts/docker/builds.ts';
import { messageOf } from '../../../contracts/errors.ts';
import type { OpenStream } from '../../bridge/index.ts';
import { age, button, detailView, fact, stateDot, tabs } from '../../components/index.ts';
import { type BuildStep, type BuildView, duration, noBuild, plainText, shortId, withNews } from '../../model/index.ts';
import { engine, t, useClock } from '../../stores/index.ts';
import { stop } from './actions.ts';

const CodeEditor = defineAsyncComponent(async () => (await import('../../components/editor.ts')).CodeEditor);

/** One build: what it said step by step, how long each took, and its Dockerfile. */
export const BuildDetail = defineComponent(
  (props: { summary: BuildSummary }) => {
    const router = useRouter();
    const view = shallowRef<BuildView>(noBuild);
    const error = ref('');
    const tab = ref('log');
    let stream: OpenStream | undefined;
    /** Lines come faster than a page can be drawn: those of one frame are taken together. */
    let waiting: BuildNews[] = [];
    let frame = 0;

    function draw(): void {
      frame = 0;
      view.value = waiting.reduce(withNews, view.value);
      waiting = [];
    }
    onMounted(() => {
      stream = engine.lines(
        buildLog,
        { path: { id: props.summary.id } },
        {
          line: news => {
            waiting.push(news);
            if (frame === 0) frame = requestAnimationFrame(draw);
          },
          ended: failure => {
            error.value = failure ? messageOf(failure) : '';
          },
        },
      );
    });
    onBeforeUnmount(() => {
      stream?.cancel();
      cancelAnimationFrame(frame);
    });

    const end = (): number => props.summary.ended || Math.max(useClock().now, props.summary.started);

    const step = (each: BuildStep, index: number): VNode => {
      const whole = Math.max(1, end() - props.summary.started);
      const took = (each.ended || end()) - each.started;
      const kind = each.error ? 'failed' : each.ended === 0 ? 'warning' : 'running';
      const word = each.error
        ? t().builds.states.failed
        : each.ended === 0
          ? t().builds.states.running
          : t().builds.states.done;
      const bar = {
        marginLeft: `${((each.started - props.summary.started) / whole) * 100}%`,
        width: `${Math.max(0.5, (took / whole) * 100)}%`,
      };
      return (
        <details class="step" key={index} open={each.error !== '' || (each.ended === 0 && each.output !== '')}>
          <summary>
            <span class="row">
              {stateDot(kind, word)}
              <code class="grow ellipsis" title={each.name}>
                {each.name}
              </code>
              {each.cached ? <span class="mark added">{t().builds.cached}</span> : undefined}
              <span class="soft number">{each.cached ? '' : duration(Math.max(0, took))}</span>
            </span>
            <span class="timing">
              <i style={bar} />
            </span>
          </summary>
          {each.output ? (
            <pre class="raw" tabindex={0}>
              {plainText(each.output)}
            </pre>
          ) : undefined}
          {each.error ? <p class="error-text">{each.error}</p> : undefined}
          {!each.output && !each.error ? <p class="soft">{t().builds.silent}</p> : undefined}
        </details>
      );
    };

    const log = (): VNode => (
      <div class="body" tabindex={0}>
        {props.summary.error && !view.value.steps.some(each => each.error) ? (
          <p class="error-text">{props.summary.error}</p>
        ) : undefined}
        {view.value.warnings.map(({ rule, message, line }) => (
          <p key={`${rule}${line}`} class="row">
            {stateDot('warning', rule)} <span>{line > 0 ? t().builds.inLine(message, line) : message}</span>
          </p>
        ))}
        {view.value.steps.map(step)}
      </div>
    );

    const facts = (): VNode => {
      const { image, names, dockerfile, target, platform, started, ended } = props.summary;
      return (
        <div class="body" tabindex={0}>
          <dl class="facts">
            {fact('Dockerfile', dockerfile)}
            {fact(t().builds.target, target)}
            {fact(t().images.platform, platform)}
            {fact(t().images.tagName, names.join(', '))}
            {fact(
              t().common.image,
              image ? (
                <RouterLink to={`/images/${image}`}>{{ default: () => <code>{shortId(image)}</code> }}</RouterLink>
              ) : undefined,
            )}
            {fact(t().builds.started, age(started))}
            {fact(t().builds.duration, ended ? duration(ended - started) : undefined)}
          </dl>
        </div>
      );
    };

    const source = (): VNode => (
      <div class="body">
        {h(CodeEditor, {
          text: view.value.dockerfile.source,
          language: 'dockerfile' as const,
          label: view.value.dockerfile.name,
          readonly: true,
        })}
      </div>
    );

    return () => {
      const { state, names, dockerfile, steps, finished, cached } = props.summary;
      return detailView({
        name: names.join(', ') || dockerfile,
        sub: `${t().builds.states[state]}, ${t().builds.progress(finished, steps, cached)}`,
        actions:
          state === 'running'
            ? button({ label: t().builds.stop, icon: Square, onClick: () => void stop(props.summary.id) })
            : undefined,
        error: error.value,
        close: () => void router.push('/builds'),
        content: tabs(
          t().common.details,
          [
            { key: 'log', label: t().detail.logs, content: log },
            { key: 'source', label: 'Dockerfile', content: source },
            { key: 'facts', label: t().detail.overview, content: facts },
          ],
          tab.value,
          key => {
            tab.value = key;
          },
        ),
      });
    };
  },
  { props: ['summary'] },
);
