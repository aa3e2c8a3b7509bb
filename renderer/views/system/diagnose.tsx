import { Stethoscope } from '@lucide/vue';
import { defineComponent, onMounted, ref, shallowRef, type VNode } from 'vue';
import type { FindingDocument } from '../../../contracts/bridge.ts';
import { button, Copyable, stateDot } from '../../components/index.ts';
import { bridge, t, useNotices } from '../../stores/index.ts';

const kinds = { good: 'running', warning: 'warning', problem: 'failed', skipped: 'stopped' } as const;
const logLines = 200;

/** Doctor's checks, and what Berth itself has logged. */
export const Diagnose = defineComponent(() => {
  const findings = shallowRef<FindingDocument[]>([]);
  const log = ref('');
  const busy = ref(false);

  async function check(): Promise<void> {
    busy.value = true;
    try {
      [findings.value, { text: log.value }] = await Promise.all([
        bridge.call('doctor', {}),
        bridge.call('hostLog', { lines: logLines }),
      ]);
    } catch (error) {
      useNotices().add(t().diagnose.title, error);
    } finally {
      busy.value = false;
    }
  }
  onMounted(check);

  const finding = ({ check: name, outcome, detail, cause, repair }: FindingDocument): VNode => (
    <div class="card" key={name}>
      <div class="row">
        <strong class="grow">{name}</strong>
        {stateDot(kinds[outcome], t().diagnose.outcomes[outcome])}
      </div>
      <p style={{ overflowWrap: 'anywhere' }}>{detail}</p>
      {cause && (
        <p class="soft">
          {t().diagnose.cause}: {cause}
        </p>
      )}
      {repair && (
        <div>
          {t().diagnose.repair}: <Copyable text={repair} />
        </div>
      )}
    </div>
  );

  return () => (
    <div class="view">
      <header class="head">
        <div class="title grow">
          <h1>{t().diagnose.title}</h1>
          <span class="soft" role="status">
            {busy.value ? t().diagnose.running : undefined}
          </span>
        </div>
        {button({
          label: t().diagnose.run,
          icon: Stethoscope,
          kind: 'primary',
          disabled: busy.value,
          onClick: () => void check(),
        })}
      </header>
      <div class="body" tabindex={0}>
        <p class="soft">{t().diagnose.hint}</p>
        <div class="section">{findings.value.map(finding)}</div>
        <section class="section">
          <h2>{t().diagnose.log}</h2>
          {log.value.trim() === '' ? <p class="soft">{t().diagnose.emptyLog}</p> : <pre class="raw">{log.value}</pre>}
        </section>
      </div>
    </div>
  );
});
