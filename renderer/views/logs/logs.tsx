import { ArrowDown, ArrowUp, Braces, Clock, Download, Eraser, Funnel, WrapText } from '@lucide/vue';
import { computed, defineComponent, onBeforeUnmount, onMounted, ref, shallowRef, type VNode, watch } from 'vue';
import { button, searchField, selectField } from '../../components/index.ts';
import { LogCanvas, LogSearch } from '../../components/logs.ts';
import { LogBuffer, type LogLine, levelOf, plainText } from '../../model/index.ts';
import { saveFile, t, useContainers, useNotices } from '../../stores/index.ts';
import { LogFeed, type LogRange, type LogSource } from './feed.ts';

const ranges = {
  '1000': { tail: '1000' },
  '100000': { tail: '100000' },
  all: { tail: 'all' },
  minutes: { seconds: 300 },
  hour: { seconds: 3600 },
  day: { seconds: 86_400 },
} satisfies Record<string, LogRange>;
type Range = keyof typeof ranges;
/** Between two changes of the numbers beside a log. */
const countMs = 150;
type Level = 'all' | 'warning' | 'error';

/** The logs of one container or of several, as they are written. */
export const Logs = defineComponent(
  (props: { sources: readonly LogSource[]; name: string }) => {
    const buffer = new LogBuffer();
    const box = ref<HTMLElement | null>(null);
    const canvas = shallowRef<LogCanvas>();
    const search = shallowRef<LogSearch>();
    const text = ref('');
    const range = ref<Range>(props.sources.length > 1 ? '1000' : '100000');
    const level = ref<Level>('all');
    const look = ref({ times: false, wrap: false, json: false });
    const onlyMatches = ref(false);
    const following = ref(true);
    const count = ref(0);
    const seen = ref(0);
    const matches = ref(0);
    const match = ref(0);
    const containers = useContainers();
    let counting: ReturnType<typeof setTimeout> | undefined;
    /** Lines that were read before the log was opened anew. */
    let before = 0;
    const feed = new LogFeed(buffer, changed, error => useNotices().add(t().containers.logs, error));

    const pattern = computed(() => compiled(text.value));
    /** Nothing but what is searched is shown. */
    const filtered = computed(() => level.value !== 'all' || (onlyMatches.value && Boolean(pattern.value)));
    const drawn = computed(() => ({
      ...look.value,
      names: props.sources.length > 1 ? props.sources.map(({ name }) => name) : [],
      pattern: pattern.value ?? undefined,
      current: search.value && matches.value > 0 && !filtered.value ? search.value.lineOf(match.value) : -1,
    }));
    watch(drawn, now => canvas.value?.changed(now));
    watch([pattern, level, onlyMatches], restartSearch);

    function restartSearch(): void {
      search.value?.stop();
      matches.value = 0;
      match.value = 0;
      search.value = undefined;
      const wanted = wantedLines(pattern.value ?? undefined, level.value);
      if (wanted) search.value = startSearch(wanted);
      canvas.value?.show(filtered.value && search.value ? search.value : buffer);
    }

    function startSearch(wanted: (line: LogLine) => boolean): LogSearch {
      const started = new LogSearch(buffer, wanted);
      started.onProgress = () => {
        const first = matches.value === 0 && started.length > 0;
        matches.value = started.length;
        if (filtered.value) canvas.value?.changed();
        else if (first) go(started.length - 1);
      };
      started.run();
      return started;
    }

    function go(to: number): void {
      if (!search.value || matches.value === 0) return;
      match.value = (to + matches.value) % matches.value;
      canvas.value?.goTo(filtered.value ? match.value : search.value.lineOf(match.value));
    }

    /** Numbers on the page change some times a second, however many lines come: each change is a rendering. */
    function changed(): void {
      canvas.value?.changed();
      counting ??= setTimeout(() => {
        counting = undefined;
        count.value = buffer.dropped + buffer.length - before;
        if (following.value) seen.value = count.value;
        search.value?.run();
      }, countMs);
    }

    function open(): void {
      before = buffer.dropped + buffer.length;
      feed.open(props.sources, ranges[range.value]);
      restartSearch();
    }

    onMounted(() => {
      if (!box.value) return;
      canvas.value = new LogCanvas(box.value, buffer);
      canvas.value.onFollow = is => {
        following.value = is;
        seen.value = count.value;
      };
      open();
      canvas.value.changed(drawn.value);
    });
    watch([range, () => props.sources.map(({ id }) => id).join()], open);
    // a container that starts again goes on writing
    watch(
      () => props.sources.filter(({ id }) => containers.row(id)?.state === 'running').map(({ id }) => id),
      running => {
        if (running.some(id => !feed.isReading(id))) open();
      },
    );
    onBeforeUnmount(() => {
      feed.close();
      search.value?.stop();
      clearTimeout(counting);
      canvas.value?.dispose();
    });

    function save(): void {
      const lines = Array.from({ length: buffer.length }, (_, index) => buffer.line(index));
      const head = ({ time, log }: LogLine): string =>
        (drawn.value.names.length > 0 ? `${drawn.value.names[log]} ` : '') + (look.value.times ? `${time} ` : '');
      const all = lines.map(line => `${head(line)}${plainText(line.text)}\n`);
      saveFile(new Blob(all, { type: 'text/plain' }), `${props.name}.log`);
    }

    const finder = (): VNode[] => {
      const texts = t().logs;
      if (text.value === '') return [];
      const found = pattern.value === null ? texts.badPattern : texts.matches(match.value + 1, matches.value);
      const step = (label: string, shown: typeof ArrowUp, by: number): VNode =>
        button({
          label,
          icon: shown,
          iconOnly: true,
          disabled: matches.value === 0,
          onClick: () => go(match.value + by),
        });
      return [
        <span class="soft" role="status">
          {found}
        </span>,
        step(texts.previous, ArrowUp, -1),
        step(texts.next, ArrowDown, 1),
        toggle(texts.onlyMatches, Funnel, onlyMatches.value, () => {
          onlyMatches.value = !onlyMatches.value;
        }),
      ];
    };

    const toggle = (label: string, shown: typeof ArrowUp, pressed: boolean, onClick: () => void): VNode =>
      button({ label, icon: shown, iconOnly: true, pressed, onClick });
    const looks = (): VNode[] => {
      const all = [
        { key: 'times', icon: Clock },
        { key: 'wrap', icon: WrapText },
        { key: 'json', icon: Braces },
      ] as const;
      return all.map(({ key, icon }) =>
        toggle(t().logs[key], icon, look.value[key], () => {
          look.value = { ...look.value, [key]: !look.value[key] };
        }),
      );
    };

    const toolbar = (): VNode => {
      const texts = t().logs;
      return (
        <div class="toolbar">
          {searchField(
            texts.search,
            text.value,
            value => {
              text.value = value;
            },
            texts.searchShort,
          )}
          {finder()}
          <span class="grow" />
          <span class="soft">{texts.lines(count.value)}</span>
          {selectField<Range>({
            id: 'log-range',
            label: texts.range,
            hideLabel: true,
            value: range.value,
            choices: texts.ranges,
            change: value => {
              range.value = value;
            },
          })}
          {selectField<Level>({
            id: 'log-level',
            label: texts.level,
            hideLabel: true,
            value: level.value,
            choices: texts.levels,
            change: value => {
              level.value = value;
            },
          })}
          <span class="row">
            {looks()}
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
          </span>
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
  { props: ['sources', 'name'] },
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

/** Which lines are searched; undefined when all are wanted. */
function wantedLines(pattern: RegExp | undefined, level: Level): ((line: LogLine) => boolean) | undefined {
  if (!pattern && level === 'all') return undefined;
  // not global: such a pattern would remember where it was
  const single = pattern && new RegExp(pattern.source, pattern.flags.replace('g', ''));
  const levels = level === 'error' ? ['error'] : ['error', 'warning'];
  return ({ text }) => {
    const plain = plainText(text);
    return (!single || single.test(plain)) && (level === 'all' || levels.includes(levelOf(plain)));
  };
}
