import { Plus } from '@lucide/vue';
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal as Xterm } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { computed, defineComponent, onBeforeUnmount, onMounted, ref, watch } from 'vue';
import type { TerminalEnd } from '../../../contracts/bridge.ts';
import { messageOf } from '../../../contracts/errors.ts';
import type { OpenStream } from '../../bridge/index.ts';
import { button, selectField } from '../../components/index.ts';
import { bridge, t, useContainers, usePreferences } from '../../stores/index.ts';

/** The best shell that is there. */
const anyShell = ['/bin/sh', '-c', 'if [ -x /bin/bash ]; then exec /bin/bash; else exec /bin/sh; fi'];
const shells = { auto: anyShell, sh: ['/bin/sh'], bash: ['/bin/bash'], ash: ['/bin/ash'], python3: ['python3'] };
type Shell = keyof typeof shells;

/** A shell in a container, on a terminal. */
export const Terminal = defineComponent(
  (props: { id: string }) => {
    const box = ref<HTMLElement | null>(null);
    const shell = ref<Shell>('auto');
    const ended = ref('');
    const containers = useContainers();
    const preferences = usePreferences();
    const running = computed(() => containers.row(props.id)?.state === 'running');
    const terminal = new Xterm({
      fontFamily: fontOf(),
      fontSize: 13,
      cursorBlink: false,
      scrollback: 10_000,
      theme: themeOf(),
      screenReaderMode: true,
    });
    const fit = new FitAddon();
    let stream: OpenStream | undefined;
    let resized: ResizeObserver | undefined;

    function connect(): void {
      stream?.cancel();
      ended.value = '';
      terminal.reset();
      const request = {
        container: props.id,
        command: shells[shell.value],
        user: undefined,
        rows: terminal.rows,
        columns: terminal.cols,
      };
      let exitCode: number | null = null;
      stream = bridge.open('terminal', request, {
        bytes: bytes => terminal.write(bytes),
        item: item => {
          exitCode = (item as TerminalEnd).exitCode;
        },
        ended: error => {
          stream = undefined;
          ended.value = error ? messageOf(error) : t().terminal.ended(exitCode);
        },
      });
      terminal.focus();
    }

    const encoder = new TextEncoder();
    terminal.onData(data => stream?.sendBytes(encoder.encode(data)));
    terminal.onResize(({ rows, cols }) => stream?.sendItem({ rows, columns: cols }));
    terminal.onSelectionChange(() => {
      const selection = terminal.getSelection();
      // where the browser does not let us, the usual keys still copy
      if (selection !== '') navigator.clipboard.writeText(selection).catch(() => undefined);
    });
    watch(
      () => preferences.dark,
      () => requestAnimationFrame(() => Object.assign(terminal.options, { theme: themeOf() })),
    );

    onMounted(() => {
      if (!box.value) return;
      terminal.loadAddon(fit);
      terminal.loadAddon(new SearchAddon());
      terminal.loadAddon(new WebLinksAddon((_event, address) => window.open(address, '_blank', 'noopener')));
      terminal.open(box.value);
      fit.fit();
      resized = new ResizeObserver(() => {
        // what is not shown has no size
        if (box.value && box.value.clientWidth > 0) fit.fit();
      });
      resized.observe(box.value);
      if (running.value) connect();
      else ended.value = t().terminal.stopped;
    });
    onBeforeUnmount(() => {
      resized?.disconnect();
      stream?.cancel();
      terminal.dispose();
    });

    return () => (
      <div class="logs">
        <div class="toolbar" style={{ padding: '8px 16px' }}>
          {selectField<Shell>({
            id: 'shell',
            label: t().terminal.shell,
            hideLabel: true,
            value: shell.value,
            choices: { auto: t().terminal.shell, sh: 'sh', bash: 'bash', ash: 'ash', python3: 'python3' },
            change: value => {
              shell.value = value;
            },
          })}
          {button({ label: t().terminal.connect, icon: Plus, disabled: !running.value, onClick: connect })}
          <span class="soft" role="status">
            {ended.value}
          </span>
        </div>
        <div class="terminal-box" ref={box} role="region" aria-label={t().terminal.label} />
      </div>
    );
  },
  { props: ['id'] },
);

const style = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const fontOf = (): string => style('--mono');
const themeOf = (): Record<string, string> => ({
  background: style('--log-ground'),
  foreground: style('--text'),
  cursor: style('--accent'),
  selectionBackground: style('--line-strong'),
});
