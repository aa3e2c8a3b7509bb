import { ArrowDown, ArrowUp, Clock, Download, Eraser } from '@lucide/vue';
import { computed, defineComponent, onBeforeUnmount, onMounted, ref, shallowRef, watch } from 'vue';
import { containerLogs } from '../../../contracts/docker/container-routes.ts';
import type { OpenStream } from '../../bridge/index.ts';
import { button, searchField, selectField } from '../../components/index.ts';
import { LogCanvas, LogSearch } from '../../components/logs.ts';
import { LogBuffer, LogFrames, plainText } from '../../model/index.ts';
import { engine, t, useContainers, useNotices } from '../../stores/index.ts';

type Range = '1000' | '100000' | 'all';

/** The log of a container, as it is written. */
export const Logs = defineComponent(
  (props: { id: string; name: string; tty: boolean }) => {
    const buffer = new LogBuffer();
    const box = ref<HTMLElement | null>(null);
    const canvas = shallowRef<LogCanvas>();
    const search = shallowRef<LogSearch>();
    const text = ref('');
    const range = ref<Range>('100000');
    const times = ref(false);
    const following = ref(true);
    const count = ref(0);
    const seen = ref(0);
    const matches = ref(0);
    const match = ref(0);
    const containers = useContainers();
    let stream: OpenStream | undefined;
    let counting = 0;
    /** Lines that were read before the log was opened anew. */
    let before = 0;

    const pattern = computed(() => compiled(text.value));
    const look = computed(() => ({
      times: times.value,
      pattern: pattern.value ?? undefined,
      current: search.value && matches.value > 0 ? search.value.lineOf(match.value) : -1,
    }));
    watch(look, now => canvas.value?.changed(now));
    watch(pattern, restartSearch);

    function restartSearch(): void {
      search.value?.stop();
      matches.value = 0;
      match.value = 0;
      search.value = undefined;
      if (!pattern.value) return;
      const started = new LogSearch(buffer, pattern.value);
      search.value = started;
      started.onProgress = () => {
        const first = matches.value === 0 && started.count > 0;
        matches.value = started.count;
        if (first) go(started.count - 1);
      };
      started.run();
    }

    function go(to: number): void {
      if (!search.value || matches.value === 0) return;
      match.value = (to + matches.value) % matches.value;
      canvas.value?.show(search.value.lineOf(match.value));
    }

    /** Numbers on the page change once a frame, however many lines come. */
    function changed(): void {
      canvas.value?.changed();
      if (counting !== 0) return;
      counting = requestAnimationFrame(() => {
        counting = 0;
        count.value = buffer.dropped + buffer.length - before;
        if (following.value) seen.value = count.value;
        search.value?.run();
      });
    }

    function open(): void {
      stream?.cancel();
      buffer.clear();
      before = buffer.dropped;
      const frames = new LogFrames(!props.tty, (line, source) => buffer.push(line, source));
      const query = { follow: true, stdout: true, stderr: true, timestamps: true, tail: range.value };
      stream = engine.open(
        containerLogs,
        { path: { ref: props.id }, query },
        {
          bytes: bytes => {
            frames.push(bytes);
            changed();
          },
          ended: error => {
            stream = undefined;
            frames.finish();
            changed();
            if (error && error.kind !== 'unavailable') useNotices().add(t().containers.logs, error);
          },
        },
      );
      restartSearch();
      changed();
    }

    onMounted(() => {
      if (!box.value) return;
      canvas.value = new LogCanvas(box.value, buffer);
      canvas.value.onFollow = is => {
        following.value = is;
        seen.value = count.value;
      };
      open();
    });
    watch(range, open);
    // a container that starts again goes on writing
    watch(
      () => containers.row(props.id)?.state,
      (state, earlier) => {
        if (state === 'running' && earlier !== undefined && earlier !== 'paused' && !stream) open();
      },
    );
    onBeforeUnmount(() => {
      stream?.cancel();
      search.value?.stop();
      cancelAnimationFrame(counting);
      canvas.value?.dispose();
    });

    function save(): void {
      const lines = Array.from({ length: buffer.length }, (_, index) => buffer.line(index));
      const all = lines.map(line => `${times.value ? `${line.time} ` : ''}${plainText(line.text)}\n`);
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob(all, { type: 'text/plain' }));
      link.download = `${props.name}.log`;
      link.click();
      URL.revokeObjectURL(link.href);
    }

    const toolbar = () => {
      const texts = t().logs;
      const ranges = { '1000': texts.last(1000), '100000': texts.last(100_000), all: texts.all };
      return (
        <div class="toolbar" style={{ padding: '8px 16px' }}>
          {searchField(texts.search, text.value, value => {
            text.value = value;
          })}
          {text.value !== '' && (
            <span class="soft" role="status">
              {pattern.value === null ? texts.badPattern : texts.matches(match.value + 1, matches.value)}
            </span>
          )}
          {matches.value > 0 &&
            button({ label: texts.previous, icon: ArrowUp, iconOnly: true, onClick: () => go(match.value - 1) })}
          {matches.value > 0 &&
            button({ label: texts.next, icon: ArrowDown, iconOnly: true, onClick: () => go(match.value + 1) })}
          <span class="grow" />
          <span class="soft">{texts.lines(count.value)}</span>
          {selectField<Range>({
            id: 'log-range',
            label: texts.range,
            hideLabel: true,
            value: range.value,
            choices: ranges,
            change: value => {
              range.value = value;
            },
          })}
          {button({
            label: texts.times,
            icon: Clock,
            iconOnly: true,
            pressed: times.value,
            onClick: () => {
              times.value = !times.value;
            },
          })}
          {button({
            label: texts.clear,
            icon: Eraser,
            iconOnly: true,
            onClick: () => {
              buffer.clear();
              changed();
            },
          })}
          {button({ label: t().common.download, icon: Download, iconOnly: true, onClick: save })}
        </div>
      );
    };

    return () => (
      <div class="logs">
        {toolbar()}
        <div class="log-lines" ref={box} tabindex={0} role="log" aria-live="off" aria-label={t().logs.output} />
        {!following.value && (
          <div class="follow-button">
            {button({
              label: count.value > seen.value ? t().logs.newLines(count.value - seen.value) : t().logs.follow,
              icon: ArrowDown,
              onClick: () => canvas.value?.follow(),
            })}
          </div>
        )}
      </div>
    );
  },
  { props: ['id', 'name', 'tty'] },
);

/** Null for what is not a regular expression, undefined for nothing. */
function compiled(text: string): RegExp | null | undefined {
  if (text === '') return undefined;
  try {
    return new RegExp(text, text === text.toLowerCase() ? 'gi' : 'g');
  } catch {
    return null;
  }
}
