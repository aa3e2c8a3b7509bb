import { Download, Play, RotateCw, Square, Stethoscope, Trash2 } from '@lucide/vue';
import { defineComponent, onMounted, ref, shallowRef, type VNode } from 'vue';
import type { BerthAction, FindingDocument } from '../../../contracts/bridge.ts';
import { systemDiskUsage, systemInfo, systemVersion } from '../../../contracts/docker/system-routes.ts';
import { messageOf } from '../../../contracts/errors.ts';
import { button, Copyable, progressBar, prose, stateDot } from '../../components/index.ts';
import { byteSize, diagnosticsText, sizesOf } from '../../model/index.ts';
import { bridge, engine, saveFile, t, useAsking, useBerth, useConnection, useNotices } from '../../stores/index.ts';

const kinds = { good: 'running', warning: 'warning', problem: 'failed', skipped: 'stopped' } as const;
const logLines = 200;
const bundleLines = 5000;

/** A repair that is typed as it stands; every other one is a sentence. */
const isCommand = /^(sudo|berth|docker|npm) /;

/** What of a repair the window can do itself, by the words in which it is told. */
function actionOf(repair: string): BerthAction | undefined {
  if (repair.includes('berth down')) return 'restart';
  if (repair.includes('image build')) return 'buildImage';
  return repair.includes('berth up') ? 'start' : undefined;
}

/** Doctor's checks with repairs, Berth's own life, what it has logged, and all of it as a file. */
export const Diagnose = defineComponent(() => {
  const berth = useBerth();
  const connection = useConnection();
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

  async function repair(action: BerthAction): Promise<void> {
    await berth.run(action);
    await check();
  }

  function ask(action: BerthAction): void {
    const texts = t().diagnose;
    useAsking().ask({
      title: texts.actions[action],
      says: [texts.stopsContainers],
      verb: texts.actions[action],
      danger: true,
      run: () => void repair(action),
    });
  }

  /** What a reset would take, as far as the engine can still tell. */
  async function lost(): Promise<string[]> {
    const texts = t().diagnose.reset;
    try {
      const { Containers, Images, Volumes, LayersSize } = await engine.json(systemDiskUsage);
      const volumes = (Volumes ?? []).map(
        ({ Name, UsageData }) => `${Name}${UsageData && UsageData.Size >= 0 ? ` (${byteSize(UsageData.Size)})` : ''}`,
      );
      return [
        texts.containers((Containers ?? []).map(({ Names }) => (Names[0] ?? '').slice(1))),
        texts.images(Images?.length ?? 0, byteSize(LayersSize ?? 0)),
        texts.volumes(volumes),
      ];
    } catch {
      return [texts.unknown];
    }
  }

  async function askReset(): Promise<void> {
    const texts = t().diagnose;
    useAsking().ask({
      title: texts.reset.title,
      says: [...(await lost()), texts.reset.stays],
      warns: texts.reset.final,
      confirm: { label: t().volumes.typeName('reset'), name: 'reset' },
      verb: texts.actions.reset,
      danger: true,
      run: () => void repair('reset'),
    });
  }

  /** Everything that helps to find a fault, as a file of the user's: nothing is sent anywhere. */
  async function saveBundle(): Promise<void> {
    const told = <T,>(work: Promise<T>): Promise<T | string> => work.catch((error: unknown) => messageOf(error));
    const [about, settings, doctor, hostLog, info, version, usage] = await Promise.all([
      told(bridge.call('about', {})),
      told(bridge.call('settings', {})),
      told(bridge.call('doctor', {})),
      told(bridge.call('hostLog', { lines: bundleLines })),
      told(engine.json(systemInfo)),
      told(engine.json(systemVersion)),
      told(engine.json(systemDiskUsage).then(sizesOf)),
    ]);
    const events = connection.events.map(({ Type, Action, Actor, time }) => ({ time, Type, Action, ID: Actor.ID }));
    const all = { about, settings, machine: connection.machine, doctor, info, version, usage, events, hostLog };
    const time = new Date().toISOString().slice(0, 16).replace(/\D/g, '');
    saveFile(new Blob([diagnosticsText(all)]), `berth-diagnostics-${time}.json`);
  }

  const finding = ({ check: name, outcome, detail, cause, repair: told }: FindingDocument): VNode => {
    const action = told && outcome !== 'good' ? actionOf(told) : undefined;
    return (
      <li class="finding" key={name}>
        {stateDot(kinds[outcome], t().diagnose.outcomes[outcome])}
        <strong>{name}</strong>
        <div>
          <p class="wrap">{detail}</p>
          {cause ? (
            <p class="soft">
              {t().diagnose.cause}: {cause}
            </p>
          ) : undefined}
          {told ? (
            <div class="row">
              <span>
                {t().diagnose.repair}: {isCommand.test(told) ? undefined : prose(told)}
              </span>
              {isCommand.test(told) && <Copyable text={told} />}
              {action
                ? button({
                    label: t().diagnose.actions[action],
                    disabled: berth.busy !== undefined,
                    onClick: () => void repair(action),
                  })
                : undefined}
            </div>
          ) : undefined}
        </div>
      </li>
    );
  };

  const life = (): VNode => {
    const texts = t().diagnose;
    const mode = connection.machine?.mode;
    const disabled = berth.busy !== undefined || !connection.connected;
    const native = mode === 'native';
    return (
      <section class="section">
        <h2>{texts.life}</h2>
        <div class="row wraps">
          {connection.engineUp
            ? button({
                label: texts.actions.restart,
                icon: RotateCw,
                disabled,
                onClick: () => ask(native ? 'restartNative' : 'restart'),
              })
            : button({ label: texts.actions.start, icon: Play, disabled, onClick: () => void repair('start') })}
          {connection.engineUp
            ? button({ label: texts.actions.stop, icon: Square, disabled, onClick: () => ask('stop') })
            : undefined}
          {button({ label: texts.actions.context, disabled, onClick: () => void repair('context') })}
          {button({
            label: texts.actions.reset,
            icon: Trash2,
            kind: 'danger',
            // another engine is not ours to empty
            disabled: disabled || Boolean(connection.about?.engine),
            onClick: () => void askReset(),
          })}
          {button({ label: texts.bundle, icon: Download, onClick: () => void saveBundle() })}
        </div>
        <p class="soft">{texts.bundleHint}</p>
        {berth.busy ? progressBar(undefined, texts.actions[berth.busy]) : undefined}
        {berth.output ? (
          <pre class="raw" role="log" aria-live="off">
            {berth.output}
          </pre>
        ) : undefined}
        {berth.problem ? (
          <p class="error-text pre" role="alert">
            {berth.problem}
          </p>
        ) : undefined}
      </section>
    );
  };

  return () => (
    <div class="view">
      <header class="head">
        <div class="title grow">
          <h1>{t().diagnose.title}</h1>
          <span class="soft" role="status">
            {busy.value ? t().diagnose.running : ''}
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
        <p class="soft">{prose(t().diagnose.hint)}</p>
        <ul class="findings">{findings.value.map(finding)}</ul>
        {life()}
        <section class="section">
          <h2>{t().diagnose.log}</h2>
          {log.value.trim() === '' ? <p class="soft">{t().diagnose.emptyLog}</p> : <pre class="raw">{log.value}</pre>}
        </section>
      </div>
    </div>
  );
});
