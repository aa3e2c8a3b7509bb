import { RotateCw } from '@lucide/vue';
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal as Xterm } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { defineComponent, onBeforeUnmount, onMounted, ref, watch } from 'vue';
import type { TerminalEnd } from '../../../contracts/bridge.ts';
import { messageOf } from '../../../contracts/errors.ts';
import type { OpenStream } from '../../bridge/index.ts';
import { button } from '../../components/index.ts';
import { bridge, t, usePreferences } from '../../stores/index.ts';

/** One program in a container, on a terminal. */
export const TerminalSession = defineComponent(
  (props: { container: string; command: string[]; shown: boolean; ended?: () => void }) => {
    const box = ref<HTMLElement | null>(null);
    const ended = ref('');
    const preferences = usePreferences();
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
        container: props.container,
        command: props.command,
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
          props.ended?.();
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
      connect();
    });
    onBeforeUnmount(() => {
      resized?.disconnect();
      stream?.cancel();
      terminal.dispose();
    });

    return () => (
      <div class="logs" style={{ display: props.shown ? undefined : 'none' }}>
        <div class="terminal-box" ref={box} role="region" aria-label={t().terminal.label} />
        {ended.value !== '' && (
          <div class="toolbar terminal-end">
            <span class="soft grow" role="status">
              {ended.value}
            </span>
            {button({ label: t().terminal.again, icon: RotateCw, onClick: connect })}
          </div>
        )}
      </div>
    );
  },
  { props: ['container', 'command', 'shown', 'ended'] },
);

const style = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const fontOf = (): string => style('--mono');
const themeOf = (): Record<string, string> => ({
  background: style('--log-ground'),
  foreground: style('--text'),
  cursor: style('--accent'),
  selectionBackground: style('--line-strong'),
});
