import { Play } from '@lucide/vue';
import { computed, defineComponent, h, type VNode } from 'vue';
import { t, useBerth, useConnection } from '../../stores/index.ts';
import { button, progressBar } from '../base/controls.tsx';
import { Copyable } from '../base/empty.tsx';
import { FarEngine } from './far-engine.tsx';

/** The first run, and every start after it: one button, then what goes on, then the lists are there. */
const StartEngine = defineComponent(() => {
  const connection = useConnection();
  const berth = useBerth();
  const onLinux = computed(() => connection.about?.platform.startsWith('linux') === true);
  const starting = computed(() => berth.busy !== undefined || connection.machine?.status === 'starting');

  const buttons = (): VNode => (
    <div class="row">
      {button({
        label: t().start.machine,
        icon: Play,
        kind: 'primary',
        disabled: !connection.connected,
        onClick: () => void berth.run('start'),
      })}
      {onLinux.value
        ? button({
            label: t().start.native,
            disabled: !connection.connected,
            onClick: () => void berth.run('startNative'),
          })
        : undefined}
    </div>
  );

  const progress = (): VNode => (
    <div class="section start-progress">
      <p role="status">{connection.machine?.detail || t().machine.starting}</p>
      {progressBar(undefined, t().machine.starting)}
      <pre class="raw" tabindex={0}>
        {berth.output.trim().split('\n').slice(-12).join('\n')}
      </pre>
    </div>
  );

  return () => {
    const texts = t().start;
    const failed = connection.machine?.status === 'failed' ? connection.machine.detail : '';
    return (
      <div class="empty">
        <h2>{starting.value ? texts.startingTitle : texts.title}</h2>
        <p>{starting.value ? texts.startingText : onLinux.value ? texts.textLinux : texts.text}</p>
        {starting.value ? progress() : buttons()}
        {(berth.problem || failed) && !starting.value ? (
          <p class="error-text pre" role="alert">
            {berth.problem || failed}
          </p>
        ) : undefined}
        {starting.value ? undefined : (
          <p class="row">
            {texts.orType}
            <span class="command">
              <Copyable text="berth up" />
            </span>
          </p>
        )}
      </div>
    );
  };
});

/** In place of a list that was never read: the engine is away, and one starts it here. Nothing while that is not known. */
export function engineAway(): VNode | undefined {
  const { known, usable, connected, about } = useConnection();
  if (!known || usable) return undefined;
  return connected && about?.engine ? h(FarEngine) : h(StartEngine);
}
