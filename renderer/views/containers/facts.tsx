import type { VNode } from 'vue';
import type { ContainerInspect } from '../../../contracts/docker/containers.ts';
import { Copyable, fact } from '../../components/index.ts';
import { dockerRun, relativeTime, shortId } from '../../model/index.ts';
import { t, useClock, usePreferences } from '../../stores/index.ts';

const timeFact = (time: string): VNode | undefined => {
  const at = Date.parse(time);
  if (Number.isNaN(at) || at < 0) return undefined;
  const { language } = usePreferences();
  return <time title={new Date(at).toLocaleString(language)}>{relativeTime(at, useClock().now, language)}</time>;
};

/** What a container is, where it is and how it is. */
export const containerFacts = (document: ContainerInspect): VNode => (
  <div class="body" tabindex={0}>
    {basics(document)}
    {mounts(document)}
    {networks(document)}
    {health(document)}
    {environment(document)}
  </div>
);

function basics(document: ContainerInspect): VNode {
  const { Id, Image, Config, State, HostConfig, Created, RestartCount, Path, Args } = document;
  const texts = t().detail;
  return (
    <section class="section">
      {State.OOMKilled && <p class="error-text">{texts.oom}</p>}
      {State.Error && <p class="error-text">{State.Error}</p>}
      <dl class="facts">
        {fact(t().common.id, <Copyable text={Id} shown={shortId(Id)} />)}
        {fact(t().common.image, <Copyable text={Config.Image ?? Image} />)}
        {fact(texts.command, <code>{[Path, ...Args].join(' ')}</code>)}
        {fact(t().common.created, timeFact(Created))}
        {fact(texts.started, timeFact(State.StartedAt))}
        {!State.Running && fact(texts.finished, timeFact(State.FinishedAt))}
        {!State.Running && fact(texts.exitCode, String(State.ExitCode))}
        {fact(texts.restartPolicy, t().run.restartNames[restartName(HostConfig.RestartPolicy?.Name)])}
        {RestartCount > 0 && fact(texts.restarts, RestartCount)}
        {fact('docker run', <Copyable text={dockerRun(document)} />)}
        {fact(texts.user, Config.User)}
        {fact(texts.workingDir, Config.WorkingDir)}
      </dl>
    </section>
  );
}

type RestartName = keyof ReturnType<typeof t>['run']['restartNames'];
const restartName = (name = ''): RestartName => (name in t().run.restartNames ? (name as RestartName) : '');

function mounts({ Mounts }: ContainerInspect): VNode {
  const texts = t().detail;
  return (
    <section class="section">
      <h2>{texts.mounts}</h2>
      {Mounts.length === 0 && <p class="soft">{texts.noMounts}</p>}
      <ul class="plain">
        {Mounts.map(({ Name, Source, Destination, RW, Type }) => (
          <li key={Destination}>
            <code>{Name ?? Source}</code> → <code>{Destination}</code>{' '}
            <span class="soft">
              {Type}, {RW ? texts.readWrite : texts.readOnly}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function networks({ NetworkSettings }: ContainerInspect): VNode {
  const all = Object.entries(NetworkSettings.Networks ?? {});
  return (
    <section class="section">
      <h2>{t().detail.networks}</h2>
      <ul class="plain">
        {all.map(([name, { IPAddress, MacAddress }]) => (
          <li key={name}>
            {name} <code>{[IPAddress, MacAddress].filter(Boolean).join(' ')}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

function health({ State }: ContainerInspect): VNode {
  const probes = State.Health?.Log?.toReversed() ?? [];
  return (
    <section class="section">
      <h2>{t().detail.health}</h2>
      {State.Health ? <p>{State.Health.Status}</p> : <p class="soft">{t().detail.noHealth}</p>}
      <ul class="plain">
        {probes.map(({ Start, ExitCode, Output }) => (
          <li key={Start}>
            <span class="soft">{new Date(Start).toLocaleTimeString(usePreferences().language)}</span> {ExitCode}{' '}
            <code>{Output.trim()}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

function environment({ Config }: ContainerInspect): VNode {
  const labels = Object.entries(Config.Labels ?? {});
  return (
    <section class="section">
      <h2>{t().detail.environment}</h2>
      <ul class="plain">
        {(Config.Env ?? []).map(each => (
          <li key={each}>
            <code>{each}</code>
          </li>
        ))}
      </ul>
      {labels.length > 0 && <h2>{t().detail.labels}</h2>}
      <ul class="plain">
        {labels.map(([name, value]) => (
          <li key={name}>
            <code>
              {name}={value}
            </code>
          </li>
        ))}
      </ul>
    </section>
  );
}
