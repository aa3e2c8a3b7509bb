import { Download, Play, Tag, Trash2 } from '@lucide/vue';
import { computed, defineComponent, h, ref, type VNode } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import { imagePrune, imageRemove, imageTag } from '../../../contracts/docker/image-routes.ts';
import type { ImageSummary } from '../../../contracts/docker/images.ts';
import { messageOf } from '../../../contracts/errors.ts';
import {
  button,
  type Column,
  DataTable,
  dialog,
  emptyList,
  engineAway,
  moreMenu,
  Split,
  searchField,
  textField,
} from '../../components/index.ts';
import { byteSize, relativeTime, shortId } from '../../model/index.ts';
import {
  engine,
  t,
  useClock,
  useContainers,
  useImages,
  useNotices,
  usePreferences,
  useTasks,
} from '../../stores/index.ts';
import { ImageDetail } from './detail.tsx';

/** A name of an image; an image without any has one row, too. */
interface ImageRow {
  key: string;
  id: string;
  /** What the engine is asked with. */
  reference: string;
  name: string;
  tag: string;
  size: number;
  created: number;
}

const rowsOf = ({ Id, RepoTags, Size, Created }: ImageSummary): ImageRow[] => {
  const common = { id: Id, size: Size, created: Created * 1000 };
  if (!RepoTags?.length) return [{ ...common, key: Id, reference: Id, name: '', tag: '' }];
  return RepoTags.map(reference => {
    const colon = reference.lastIndexOf(':');
    return {
      ...common,
      key: `${Id} ${reference}`,
      reference,
      name: reference.slice(0, colon),
      tag: reference.slice(colon + 1),
    };
  });
};

type Asking = { kind: 'pull' } | { kind: 'tag' | 'remove'; row: ImageRow } | { kind: 'prune' };

/** All images; pulling, tagging and removing them. */
export const ImageList = defineComponent(() => {
  const images = useImages();
  const containers = useContainers();
  const preferences = usePreferences();
  const tasks = useTasks();
  const route = useRoute();
  const router = useRouter();
  const search = ref('');
  const sorting = ref({ key: 'name', down: false });
  const asking = ref<Asking>();
  const text = ref('');
  const problem = ref('');

  const rows = computed(() => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = images.items
      .flatMap(rowsOf)
      .filter(row => words.every(word => `${row.reference} ${row.id}`.toLowerCase().includes(word)));
    const { key, down } = sorting.value;
    const sign = down ? -1 : 1;
    if (key === 'size' || key === 'created') return all.sort((a, b) => sign * (a[key] - b[key]));
    return all.sort((a, b) => sign * (a.reference < b.reference ? -1 : 1));
  });
  const size = computed(() => images.items.reduce((sum, { Size }) => sum + Size, 0));
  const users = (row: ImageRow): string[] =>
    containers.rows
      .filter(
        ({ image }) =>
          image === row.reference || `${image}:latest` === row.reference || image.startsWith(shortId(row.id)),
      )
      .map(({ name }) => name);
  const openId = computed(() => (typeof route.params.id === 'string' ? route.params.id : ''));

  /** An image may have several names: the one that was chosen, else any. */
  const openRow = computed(() => {
    const all = rows.value.filter(({ id }) => id === openId.value);
    return all.find(({ reference }) => reference === route.query.name) ?? all[0];
  });

  const ask = (what: Asking | undefined, start = ''): void => {
    asking.value = what;
    text.value = start;
    problem.value = '';
  };

  async function submit(): Promise<void> {
    const what = asking.value;
    try {
      if (what?.kind === 'pull') startPull(text.value);
      else if (what?.kind === 'tag') await tag(what.row, text.value);
      else if (what?.kind === 'remove') await engine.json(imageRemove, { path: { name: what.row.reference } });
      else await engine.json(imagePrune, { query: { filters: { dangling: ['true'] } } });
      ask(undefined);
    } catch (error) {
      problem.value = messageOf(error);
    }
  }

  function startPull(reference: string): void {
    // its task shows how it goes, and why it does not
    if (reference.trim() !== '')
      tasks.pull(reference.trim()).catch(error => useNotices().add(t().tasks.pull(reference), error));
  }

  async function tag(row: ImageRow, name: string): Promise<void> {
    const colon = /:[^/]*$/.exec(name)?.index ?? name.length;
    await engine.json(imageTag, {
      path: { name: row.reference },
      query: { repo: name.slice(0, colon), tag: name.slice(colon + 1) },
    });
  }

  const columns = computed((): Column<ImageRow>[] => {
    const texts = t().common;
    const all: (Column<ImageRow> | false)[] = [
      {
        key: 'name',
        label: texts.name,
        width: 'minmax(140px, 2fr)',
        sortable: true,
        cell: row => row.name || t().images.untagged,
      },
      {
        key: 'tag',
        label: t().images.tag,
        width: 'minmax(70px, 1fr)',
        cell: row => <span class="mono">{row.tag}</span>,
      },
      openId.value === '' && {
        key: 'id',
        label: texts.id,
        width: '120px',
        cell: row => <span class="mono soft">{shortId(row.id)}</span>,
      },
      {
        key: 'users',
        label: t().images.usedBy,
        width: 'minmax(80px, 1fr)',
        cell: row => (
          <span class="soft" title={users(row).join(', ')}>
            {users(row).join(', ') || t().images.unused}
          </span>
        ),
      },
      { key: 'size', label: texts.size, width: '86px', end: true, sortable: true, cell: row => byteSize(row.size) },
      openId.value === '' && {
        key: 'created',
        label: texts.created,
        width: '120px',
        sortable: true,
        cell: row => <span class="soft">{relativeTime(row.created, useClock().now, preferences.language)}</span>,
      },
      {
        key: 'actions',
        label: t().common.actions,
        hideLabel: true,
        width: '64px',
        class: 'actions',
        cell: row => <span class="row">{actions(row)}</span>,
      },
    ];
    return all.filter(column => column !== false);
  });

  const actions = (row: ImageRow): VNode[] => [
    button({ label: t().run.go, icon: Play, iconOnly: true, kind: 'quiet', onClick: () => run(row) }),
    moreMenu(t().common.more, [
      { label: t().run.go, icon: Play, run: () => run(row) },
      { label: t().images.pull, icon: Download, disabled: row.name === '', run: () => startPull(row.reference) },
      { label: t().images.tag, icon: Tag, run: () => ask({ kind: 'tag', row }, row.reference) },
      { label: t().common.remove, icon: Trash2, danger: true, run: () => ask({ kind: 'remove', row }) },
    ]),
  ];
  const run = (row: ImageRow): void => void router.push({ path: '/containers', query: { run: row.reference } });

  const askDialog = (): VNode => {
    const what = asking.value;
    const texts = t().images;
    const titles = {
      pull: () => texts.pullTitle,
      prune: () => texts.pruneTitle,
      tag: texts.tagTitle,
      remove: texts.removeTitle,
    };
    const name = what && 'row' in what ? what.row.reference : '';
    const verbs = { pull: texts.pull, prune: t().common.remove, tag: texts.tag, remove: t().common.remove };
    const kind = what?.kind ?? 'pull';
    const danger = kind === 'remove' || kind === 'prune';
    const field = () =>
      textField({
        id: 'image-name',
        label: kind === 'tag' ? texts.newName : texts.reference,
        hint: texts.referenceHint,
        value: text.value,
        focus: true,
        change: value => {
          text.value = value;
        },
      });
    const nameless = images.items.filter(({ RepoTags, Containers }) => !RepoTags?.length && Containers <= 0).length;
    return dialog({
      title: titles[kind](name),
      open: what !== undefined,
      close: () => ask(undefined),
      submit: () => void submit(),
      content: () => (
        <div class="section">
          {kind === 'pull' || kind === 'tag' ? field() : undefined}
          {what?.kind === 'remove' && <p>{texts.removeText(byteSize(what.row.size))}</p>}
          {kind === 'prune' && <p>{texts.pruneText(nameless)}</p>}
          {problem.value && (
            <p class="error-text" role="alert">
              {problem.value}
            </p>
          )}
        </div>
      ),
      footer: () => [
        button({ label: t().common.cancel, onClick: () => ask(undefined) }),
        button({ label: verbs[kind], kind: danger ? 'danger' : 'primary', submit: true, onClick: () => undefined }),
      ],
    });
  };

  const pullButton = (): VNode =>
    button({ label: t().images.pull, icon: Download, kind: 'primary', onClick: () => ask({ kind: 'pull' }) });

  const list = (): VNode => (
    <div class="view">
      <header class="head">
        <div class="title grow">
          <h1>{t().images.title}</h1>
          <span class="soft">{t().images.count(images.items.length, byteSize(size.value))}</span>
        </div>
        {button({ label: t().images.prune, icon: Trash2, onClick: () => ask({ kind: 'prune' }) })}
        {pullButton()}
      </header>
      <div class="toolbar">
        {searchField(t().common.searchIn(t().images.title), search.value, value => {
          search.value = value;
        })}
      </div>
      {table()}
    </div>
  );

  const table = (): VNode | undefined => {
    if (!images.loaded) return engineAway();
    if (images.items.length === 0)
      return emptyList(t().images.empty, t().images.emptyHint, 'docker pull debian', pullButton());
    if (rows.value.length === 0) return <p class="empty">{t().common.nothingFound}</p>;
    return h(DataTable<ImageRow>, {
      label: t().images.title,
      rows: rows.value,
      columns: columns.value,
      keyOf: (row: ImageRow) => row.key,
      rowHeight: preferences.rowHeight,
      selected: openRow.value?.key,
      sorting: sorting.value,
      onSort: (key: string) => {
        sorting.value = { key, down: sorting.value.key === key && !sorting.value.down };
      },
      onOpen: (row: ImageRow) => void router.push({ path: `/images/${row.id}`, query: { name: row.reference } }),
      onKey: (row: ImageRow, key: string) => {
        if (key === 'Delete') ask({ kind: 'remove', row });
        return key === 'Delete';
      },
    });
  };

  return () => (
    <div class="view">
      <Split
        name="images"
        label={t().common.resize}
        left={list}
        right={
          openId.value
            ? () => <ImageDetail id={openId.value} name={openRow.value?.reference ?? shortId(openId.value)} />
            : undefined
        }
      />
      {askDialog()}
    </div>
  );
});
