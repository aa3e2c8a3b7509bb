import { ArchiveRestore, CalendarClock, CalendarX, Copy, Eraser, FolderInput, FolderOutput, Trash2 } from '@lucide/vue';
import {
  volumeClone,
  volumeCreate,
  volumeEmpty,
  volumeExport,
  volumeImport,
  volumeRemove,
} from '../../../contracts/docker/volume-routes.ts';
import type { MenuItem } from '../../components/index.ts';
import { byteSize } from '../../model/index.ts';
import { engine, t, useAsking, useBackups, useNotices, useTasks } from '../../stores/index.ts';
import type { VolumeUsage } from './usage.ts';

export function askCreate(): void {
  const texts = t().volumes;
  useAsking().ask({
    title: texts.create,
    field: { label: t().common.name, hint: texts.nameHint },
    verb: texts.create,
    run: name => engine.json(volumeCreate, { body: name ? { Name: name } : {} }),
  });
}

const sizeText = (usage: VolumeUsage, name: string): string =>
  usage.sizeOf(name) < 0 ? '' : byteSize(usage.sizeOf(name));

/** One name is typed: what is in a volume cannot be had again. */
export function askRemove(names: readonly string[], usage: VolumeUsage): void {
  const texts = t().volumes;
  const [name = ''] = names;
  const bytes = names.reduce((sum, each) => sum + Math.max(0, usage.sizeOf(each)), 0);
  const typed = names.length === 1 ? name : String(names.length);
  useAsking().ask({
    title: names.length === 1 ? texts.removeTitle(name) : texts.removeSome(names.length),
    says: [...(names.length > 1 ? [names.join(', ')] : []), texts.removeText(byteSize(bytes))],
    confirm: { label: texts.typeName(typed), name: typed },
    verb: t().common.remove,
    danger: true,
    run: async () => {
      for (const each of names) await engine.json(volumeRemove, { path: { name: each } });
    },
  });
}

/** What else can be done with a volume. */
export function volumeMenu(name: string, usage: VolumeUsage, importInto: (name: string) => void): MenuItem[] {
  const texts = t().volumes;
  return [
    { label: texts.export, icon: FolderOutput, run: () => askExport(name, usage) },
    { label: texts.import, icon: FolderInput, run: () => importInto(name) },
    {
      label: t().backups.menu,
      icon: CalendarClock,
      run: () => {
        useBackups().asked = name;
      },
    },
    ...(useBackups().of(name) ? [restoreItem(name)] : []),
    { label: texts.clone, icon: Copy, run: () => askClone(name, usage) },
    { label: texts.empty_, icon: Eraser, danger: true, run: () => askEmpty(name, usage) },
    { label: t().common.remove, icon: Trash2, danger: true, run: () => askRemove([name], usage) },
  ];
}

/** Puts back one of the backups. */
export const restoreItem = (name: string): MenuItem => ({
  label: t().backups.restoreMenu,
  icon: ArchiveRestore,
  run: () => {
    useBackups().restoring = name;
  },
});

/** What can be done for one that is gone, and of which there are backups. */
export const lostVolumeMenu = (name: string): MenuItem[] => [
  restoreItem(name),
  { label: t().backups.stop, icon: CalendarX, run: () => void forget(name) },
];

const forget = (name: string): Promise<void> =>
  useBackups()
    .drop(name)
    .catch((error: unknown) => useNotices().add(t().backups.stop, error));

/** Files of one moment need those that write them to stand still; who does is named. */
function pauseOption(name: string, usage: VolumeUsage): { label: string; start: boolean } | undefined {
  const running = usage.usersOf(name).filter(user => user.running);
  if (running.length === 0) return undefined;
  return { label: t().volumes.pause(running.map(user => user.name).join(', ')), start: true };
}

function askExport(name: string, usage: VolumeUsage): void {
  const tasks = useTasks();
  const option = pauseOption(name, usage);
  const title = t().volumes.exportTitle(name);
  const begin = (pause: boolean): void =>
    tasks.quietly(title, tasks.save(title, volumeExport, { path: { name }, query: { pause } }, `${name}.tar`));
  if (!option) begin(false);
  else useAsking().ask({ title, option, verb: t().volumes.export, run: (_text, pause) => begin(pause) });
}

function askClone(name: string, usage: VolumeUsage): void {
  const texts = t().volumes;
  useAsking().ask({
    title: texts.cloneTitle(name),
    field: { label: t().common.name, hint: texts.nameHint, start: `${name}-copy` },
    option: pauseOption(name, usage),
    verb: texts.clone,
    run: (to, pause) => engine.json(volumeClone, { path: { name }, query: { to, pause } }),
  });
}

function askEmpty(name: string, usage: VolumeUsage): void {
  const texts = t().volumes;
  useAsking().ask({
    title: texts.emptyTitle(name),
    says: [texts.removeText(sizeText(usage, name))],
    confirm: { label: texts.typeName(name), name },
    verb: texts.empty_,
    danger: true,
    run: async () => {
      await engine.json(volumeEmpty, { path: { name } });
      await usage.measure();
    },
  });
}

/** A tar becomes what is in a volume; one that is not there is made. What is in it goes only when that is said. */
export function askImport(file: File, name: string, usage: VolumeUsage): void {
  const texts = t().volumes;
  const tasks = useTasks();
  const known = name !== '';
  useAsking().ask({
    title: texts.importTitle(file.name),
    says: known ? [texts.importInto(name)] : [],
    field: known
      ? undefined
      : { label: t().common.name, hint: texts.nameHint, start: file.name.replace(/\.tar.*$/, '') },
    option: { label: texts.replace },
    verb: texts.import,
    run: (typed, replace) => {
      const to = known ? name : typed;
      const title = texts.importTitle(file.name);
      const work = tasks.send(title, volumeImport, { path: { name: to }, query: { replace } }, file);
      tasks.quietly(
        title,
        work.then(() => {
          useNotices().tell(texts.imported(to));
          return usage.measure();
        }),
      );
    },
  });
}
