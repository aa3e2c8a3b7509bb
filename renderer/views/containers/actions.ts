import {
  ClipboardCopy,
  FileText,
  Pause,
  Pencil,
  Play,
  RotateCw,
  Square,
  SquareTerminal,
  Trash2,
  Zap,
} from '@lucide/vue';
import { containerInspect } from '../../../contracts/docker/container-routes.ts';
import type { MenuItem } from '../../components/index.ts';
import { type ContainerRow, composeFile, dockerRun } from '../../model/index.ts';
import { engine, t, useAsking, useContainers, useNotices } from '../../stores/index.ts';

/** Asks, saying what is lost with them, and removes them. */
export function askRemove(rows: readonly ContainerRow[], removed: () => void = () => undefined): void {
  const texts = t().containers;
  const names = rows.map(({ name }) => name);
  const runs = rows.some(({ state }) => state === 'running' || state === 'paused');
  useAsking().ask({
    title: texts.removeTitle(names),
    says: [...(rows.length > 1 ? [names.join(', ')] : []), texts.removeText],
    warns: runs ? texts.removeRunning : undefined,
    verb: t().common.remove,
    danger: true,
    run: () => {
      // not waited for: each row says how it goes
      void useContainers().actOnAll(
        rows.map(({ id }) => id),
        'remove',
      );
      removed();
    },
  });
}

/** What can be done with one container; `open` shows one of its tabs. */
export function containerMenu(row: ContainerRow, open: (tab: string) => void, removed: () => void): MenuItem[] {
  const texts = t().containers;
  const { act } = useContainers();
  const running = row.state === 'running';
  const copy = (text: typeof dockerRun): void => void copyAs(row.id, text);
  return [
    { label: texts.logs, icon: FileText, run: () => open('logs') },
    { label: texts.terminal, icon: SquareTerminal, disabled: !running, run: () => open('terminal') },
    { label: texts.edit, icon: Pencil, run: () => open('edit') },
    running || row.state === 'paused'
      ? { label: texts.stop, icon: Square, run: () => void act(row.id, 'stop') }
      : { label: texts.start, icon: Play, run: () => void act(row.id, 'start') },
    { label: texts.restart, icon: RotateCw, disabled: !running, run: () => void act(row.id, 'restart') },
    row.state === 'paused'
      ? { label: texts.resume, icon: Play, run: () => void act(row.id, 'unpause') }
      : { label: texts.pause, icon: Pause, disabled: !running, run: () => void act(row.id, 'pause') },
    { label: texts.kill, icon: Zap, disabled: !running, run: () => void act(row.id, 'kill') },
    { label: texts.copyRun, icon: ClipboardCopy, run: () => copy(dockerRun) },
    { label: texts.copyCompose, icon: ClipboardCopy, run: () => copy(composeFile) },
    { label: t().common.remove, icon: Trash2, danger: true, run: () => askRemove([row], removed) },
  ];
}

async function copyAs(id: string, text: typeof dockerRun): Promise<void> {
  try {
    await navigator.clipboard.writeText(text(await engine.json(containerInspect, { path: { ref: id } })));
    useNotices().tell(t().common.copied);
  } catch (error) {
    useNotices().add(t().common.copy, error);
  }
}
