import { Bug, Plus, X } from '@lucide/vue';
import { computed, defineComponent, h, onBeforeUnmount, ref, type VNode } from 'vue';
import { button, selectField } from '../../components/index.ts';
import { t, useContainers, useNotices } from '../../stores/index.ts';
import { debugBeside, debugCommand, debugImage, endDebugging } from './debug-shell.ts';
import { TerminalSession } from './terminal-session.tsx';

/** The best shell that is there. */
const anyShell = ['/bin/sh', '-c', 'if [ -x /bin/bash ]; then exec /bin/bash; else exec /bin/sh; fi'];
const shells = { auto: anyShell, sh: ['/bin/sh'], bash: ['/bin/bash'], ash: ['/bin/ash'], python3: ['python3'] };
type Shell = keyof typeof shells;

interface Session {
  key: number;
  name: string;
  container: string;
  command: string[];
  /** The container that is there only for this. */
  helper: string;
}

/** Shells in a container, one a tab; beside it where its image has none. */
export const Terminal = defineComponent(
  (props: { id: string }) => {
    const containers = useContainers();
    const running = computed(() => containers.row(props.id)?.state === 'running');
    const shell = ref<Shell>('auto');
    const sessions = ref<Session[]>([]);
    const shown = ref(0);
    let next = 1;

    function add(part: Omit<Session, 'key'>): void {
      const key = next++;
      sessions.value = [...sessions.value, { key, ...part }];
      shown.value = key;
    }
    const addShell = (): void =>
      add({
        name: `${shell.value === 'auto' ? 'sh' : shell.value} ${next}`,
        container: props.id,
        command: shells[shell.value],
        helper: '',
      });
    async function addDebug(): Promise<void> {
      try {
        const helper = await debugBeside(props.id);
        add({ name: `debug ${next}`, container: helper, command: debugCommand, helper });
      } catch (error) {
        useNotices().add(t().terminal.debug, error);
      }
    }
    function close({ key, helper }: Session): void {
      if (helper !== '') void endDebugging(helper);
      sessions.value = sessions.value.filter(session => session.key !== key);
      if (shown.value === key) shown.value = sessions.value.at(-1)?.key ?? 0;
    }
    if (running.value) addShell();
    onBeforeUnmount(() => {
      for (const { helper } of sessions.value) if (helper !== '') void endDebugging(helper);
    });

    const tab = (session: Session): VNode => (
      <span key={session.key} class={['session', session.key === shown.value && 'shown']}>
        <button
          type="button"
          class="link"
          aria-pressed={session.key === shown.value}
          onClick={() => {
            shown.value = session.key;
          }}
        >
          {session.name}
        </button>
        {button({
          label: t().terminal.close(session.name),
          icon: X,
          iconOnly: true,
          kind: 'quiet',
          onClick: () => close(session),
        })}
      </span>
    );

    const toolbar = (): VNode => {
      const texts = t().terminal;
      return (
        <div class="toolbar">
          {sessions.value.map(tab)}
          <span class="grow" />
          {selectField<Shell>({
            id: 'shell',
            label: texts.shell,
            hideLabel: true,
            value: shell.value,
            choices: { auto: texts.shell, sh: 'sh', bash: 'bash', ash: 'ash', python3: 'python3' },
            change: value => {
              shell.value = value;
            },
          })}
          {button({ label: texts.connect, icon: Plus, disabled: !running.value, onClick: addShell })}
          {button({
            label: texts.debugFrom(debugImage() ?? ''),
            icon: Bug,
            iconOnly: true,
            disabled: !running.value,
            onClick: () => void addDebug(),
          })}
        </div>
      );
    };

    return () => (
      <div class="logs">
        {toolbar()}
        {sessions.value.length === 0 && (
          <p class="body soft">{running.value ? t().terminal.none : t().terminal.stopped}</p>
        )}
        {sessions.value.map(({ key, container, command }) =>
          h(TerminalSession, { key, container, command, shown: key === shown.value }),
        )}
      </div>
    );
  },
  { props: ['id'] },
);
