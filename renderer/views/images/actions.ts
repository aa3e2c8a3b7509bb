import {
  imageLoad,
  imagePrune,
  imagePush,
  imageRemove,
  imageSaveAll,
  imageTag,
} from '../../../contracts/docker/image-routes.ts';
import { byteSize } from '../../model/index.ts';
import { engine, t, useAsking, useImages, useNotices, useTasks } from '../../stores/index.ts';
import type { ImageRow } from './rows.ts';

/** Its task shows how it goes, and why it does not. */
export function pull(reference: string, platform?: string): void {
  const tasks = useTasks();
  if (reference.trim() !== '') tasks.quietly(t().tasks.pull(reference), tasks.pull(reference.trim(), platform));
}

export function askTag(row: ImageRow): void {
  const texts = t().images;
  useAsking().ask({
    title: texts.tagTitle(row.reference),
    field: { label: texts.newName, hint: texts.referenceHint, start: row.reference },
    verb: texts.tag,
    run: name => tag(row.reference, name),
  });
}

const tag = (reference: string, name: string): Promise<void> => {
  const colon = /:[^/]*$/.exec(name)?.index ?? name.length;
  const query = { repo: name.slice(0, colon), tag: name.slice(colon + 1) };
  return engine.json(imageTag, { path: { name: reference }, query }).then(() => undefined);
};

export function push(row: ImageRow): void {
  const tasks = useTasks();
  const title = t().tasks.push(row.reference);
  tasks.quietly(title, tasks.run(title, imagePush, { path: { name: row.name }, query: { tag: row.tag } }));
}

export function save(rows: readonly ImageRow[]): void {
  const tasks = useTasks();
  const names = rows.map(({ reference }) => reference);
  const title = t().tasks.save(names.join(', '));
  const file = `${(names.length === 1 ? (names[0] ?? '') : 'images').replace(/[^\w.-]+/g, '_')}.tar`;
  tasks.quietly(title, tasks.save(title, imageSaveAll, { query: { names } }, file));
}

export function load(file: File): void {
  const tasks = useTasks();
  const title = t().tasks.load(file.name);
  tasks.quietly(title, tasks.run(title, imageLoad, { query: { quiet: false } }, file));
}

/** For a file that was dropped: what it is taken for is asked. */
export function askLoad(file: File): void {
  const texts = t().images;
  useAsking().ask({
    title: t().tasks.load(file.name),
    says: [texts.loadText(byteSize(file.size))],
    verb: texts.load,
    run: () => load(file),
  });
}

/** A name that is not an image's last is put back when it was a mistake; else it is asked. */
export function askRemove(rows: readonly ImageRow[]): void {
  const texts = t().images;
  const names = rows.map(({ reference }) => reference);
  const remove = async (): Promise<void> => {
    for (const name of names) await engine.json(imageRemove, { path: { name } });
  };
  const [only] = rows;
  const others = useImages().items.find(({ Id }) => Id === only?.id)?.RepoTags ?? [];
  const other = others.find(name => name !== only?.reference);
  if (rows.length === 1 && only && other !== undefined) {
    const what = texts.untaggedNow(only.reference);
    remove().then(
      () => useNotices().tell(what, () => tag(other, only.reference)),
      error => useNotices().add(texts.removeTitle(only.reference), error),
    );
    return;
  }
  const size = rows.reduce((sum, row) => sum + row.size, 0);
  useAsking().ask({
    title: rows.length === 1 ? texts.removeTitle(names[0] ?? '') : texts.removeSome(rows.length),
    says: [...(rows.length > 1 ? [names.join(', ')] : []), texts.removeText(byteSize(size))],
    verb: t().common.remove,
    danger: true,
    run: remove,
  });
}

/** What would go, and how much at most comes back, before it is done. */
export function askPrune(): void {
  const texts = t().images;
  const unused = useImages().items.filter(({ Containers }) => Containers <= 0);
  const nameless = unused.filter(({ RepoTags }) => !RepoTags?.length);
  const bytes = (images: typeof unused): string =>
    byteSize(images.reduce((sum, { Size, SharedSize }) => sum + Size - Math.max(0, SharedSize), 0));
  useAsking().ask({
    title: texts.pruneTitle,
    says: [
      texts.pruneText(nameless.length, bytes(nameless)),
      texts.pruneAllText(unused.length, bytes(unused)),
      ...(unused.length > 0 ? [unused.map(({ RepoTags, Id }) => RepoTags?.[0] ?? Id.slice(7, 19)).join(', ')] : []),
    ],
    option: { label: texts.pruneAll },
    verb: t().common.remove,
    danger: true,
    run: async (_text, all) => {
      const report = await engine.json(imagePrune, { query: { filters: { dangling: [all ? 'false' : 'true'] } } });
      useNotices().tell(t().common.freed(byteSize(report.SpaceReclaimed)));
    },
  });
}
