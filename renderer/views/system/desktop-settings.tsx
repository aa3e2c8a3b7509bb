import type { VNode } from 'vue';
import type { UpdateState } from '../../../contracts/desktop.ts';
import { button, checkField, progressBar } from '../../components/index.ts';
import { t, useDesktop, useNotices } from '../../stores/index.ts';

type Change = Parameters<ReturnType<typeof useDesktop>['change']>[0];

/** What its user chooses about the desktop program; nothing in a browser. */
export function desktopSettings(): VNode | undefined {
  const desktop = useDesktop();
  const { view } = desktop;
  const texts = t().desktop;
  if (!view) return undefined;
  const change = (request: Change): void =>
    void desktop.change(request).catch((error: unknown) => useNotices().add(texts.title, error));
  return (
    <section class="section">
      <h2>{texts.title}</h2>
      {checkField(texts.startsAtLogin, view.startsAtLogin, startsAtLogin => change({ startsAtLogin }))}
      {checkField(texts.notifications, view.notifications, notifications => change({ notifications }))}
      {checkField(texts.looksForUpdates, view.looksForUpdates, looksForUpdates => change({ looksForUpdates }))}
      {updateLine(view.update, change)}
    </section>
  );
}

/** How far an update is, and the one step that can be taken next. */
function updateLine(update: UpdateState, change: (request: Change) => void): VNode {
  const texts = t().desktop.update;
  const step = (label: string, next: 'check' | 'download' | 'install'): VNode =>
    button({ label, onClick: () => change({ update: next }) });
  switch (update.state) {
    case 'available':
      return (
        <div>
          <div class="row">
            <span role="status">{texts.available(update.version)}</span>
            {step(texts.download, 'download')}
          </div>
          <p class="soft pre">{update.notes.replace(/<[^>]*>/g, '')}</p>
        </div>
      );
    case 'downloading':
      return progressBar(update.percent / 100, texts.downloading(update.version));
    case 'ready':
      return (
        <div class="row">
          <span role="status">{texts.ready(update.version)}</span>
          {step(texts.install, 'install')}
        </div>
      );
    case 'failed':
      return (
        <div class="row">
          <span class="error-text" role="alert">
            {texts.failed(update.reason)}
          </span>
          {step(t().common.retry, 'check')}
        </div>
      );
    case 'unsupported':
      return <p class="soft">{texts.unsupported}</p>;
    default:
      return (
        <div class="row">
          <span class="soft" role="status">
            {texts[update.state]}
          </span>
          {update.state !== 'checking' && step(texts.check, 'check')}
        </div>
      );
  }
}
