import type { VNode } from 'vue';
import { button, progressBar } from '../components/index.ts';
import { byteSize, duration, transferOf, wholeProgress } from '../model/index.ts';
import { type Task, t, useTasks } from '../stores/index.ts';

/** What is under way, and how far. */
export function tasksPanel(): VNode {
  const tasks = useTasks();
  return (
    <div>
      {tasks.tasks.length === 0 && <p class="task soft">{t().tasks.none}</p>}
      {tasks.tasks.toReversed().map(line)}
      {tasks.tasks.some(({ state }) => state !== 'running') &&
        button({ label: t().tasks.clear, kind: 'quiet', onClick: tasks.clear })}
    </div>
  );
}

/** `12.3 MB of 40.1 MB, 3.2 MB/s, 9 s left`; nothing while no size is known. */
function transferText({ progress, bytes, total: known = 0, started }: Task): string {
  const pulled = transferOf(progress);
  const [here, total] = [pulled.current || bytes, pulled.total || known];
  const seconds = (Date.now() - started) / 1000;
  if (here === 0 || seconds < 1) return '';
  const rate = here / seconds;
  return [
    total > 0 ? `${byteSize(here)} ${t().common.of} ${byteSize(total)}` : byteSize(here),
    `${byteSize(rate)}${t().stats.perSecond}`,
    ...(total > here ? [t().tasks.left(duration(((total - here) / rate) * 1000))] : []),
  ].join(', ');
}

/** Between 0 and 1; undefined while nobody knows. */
function partDone({ progress, bytes, total }: Task): number | undefined {
  if (progress.layers.length > 0) return wholeProgress(progress);
  return total ? bytes / total : undefined;
}

const line = (task: Task): VNode => {
  const { layers } = task.progress;
  const done = layers.filter(layer => layer.done).length;
  const texts = {
    done: t().pull.done,
    failed: t().pull.failed,
    cancelled: t().pull.cancelled,
    running: layers.length > 0 ? t().pull.layers(done, layers.length) : '',
  };
  return (
    <div class="task" key={task.id}>
      <div class="row">
        <span class="grow ellipsis">{task.title}</span>
        <span class="soft">{texts[task.state]}</span>
        {task.state === 'running' && button({ label: t().common.cancel, kind: 'quiet', onClick: task.cancel })}
        {task.again &&
          (task.state === 'cancelled' || task.state === 'failed') &&
          button({
            label: task.state === 'cancelled' ? t().tasks.goOn : t().common.retry,
            kind: 'quiet',
            onClick: task.again,
          })}
      </div>
      {task.state === 'running' && progressBar(partDone(task), task.title)}
      {task.state === 'running' && <span class="soft">{transferText(task)}</span>}
      {task.state === 'running' && layers.length > 0 && (
        <details>
          <summary class="soft">{t().common.details}</summary>
          {layers.map(layer => (
            <div class="row" key={layer.id}>
              <code>{layer.id}</code>
              <span class="grow ellipsis">{layer.status}</span>
              <span class="soft">
                {layer.total > 0 ? `${byteSize(layer.current)} ${t().common.of} ${byteSize(layer.total)}` : undefined}
              </span>
            </div>
          ))}
        </details>
      )}
      {task.error && <p class="error-text">{task.error}</p>}
    </div>
  );
};
