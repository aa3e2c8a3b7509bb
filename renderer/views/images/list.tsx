import { Download, FolderInput, FolderOutput, Play, Tag, Trash2, Upload } from '@lucide/vue';
import { computed, defineComponent, h, type VNode } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import {
  age,
  button,
  emptyList,
  fileButton,
  type ListColumn,
  type MenuItem,
  ObjectList,
} from '../../components/index.ts';
import { byteSize, compareTexts, shortId } from '../../model/index.ts';
import { t, useContainers, useImages } from '../../stores/index.ts';
import { askPrune, askRemove, askTag, load, pull, push, save } from './actions.ts';
import { ImageDetail } from './detail.tsx';
import { PullDialog } from './pull.tsx';
import { type ImageRow, imageRows, usersOf } from './rows.ts';

/** All images by name. */
export const ImageList = defineComponent(() => {
  const images = useImages();
  const containers = useContainers();
  const route = useRoute();
  const router = useRouter();
  const rows = computed(() => images.items.flatMap(imageRows));
  const size = computed(() => images.items.reduce((sum, { Size }) => sum + Size, 0));
  const openId = computed(() => (typeof route.params.id === 'string' ? route.params.id : ''));

  /** An image may have several names: the one that was chosen, else any. */
  const openRow = computed(() => {
    const all = rows.value.filter(({ id }) => id === openId.value);
    return all.find(({ reference }) => reference === route.query.name) ?? all[0];
  });

  const run = (row: ImageRow): void => void router.push({ path: '/containers', query: { run: row.reference } });

  const menu = (row: ImageRow): MenuItem[] => [
    { label: t().run.go, icon: Play, run: () => run(row) },
    { label: t().images.pullAgain, icon: Download, disabled: row.name === '', run: () => pull(row.reference) },
    { label: t().images.push, icon: Upload, disabled: row.name === '', run: () => push(row) },
    { label: t().images.tag, icon: Tag, run: () => askTag(row) },
    { label: t().images.save, icon: FolderOutput, run: () => save([row]) },
    { label: t().common.remove, icon: Trash2, danger: true, run: () => askRemove([row]) },
  ];
  const bulk = (chosen: readonly ImageRow[]): MenuItem[] => [
    { label: t().images.save, icon: FolderOutput, run: () => save(chosen) },
    { label: t().common.remove, icon: Trash2, danger: true, run: () => askRemove(chosen) },
  ];

  const columns = (): ListColumn<ImageRow>[] => [
    {
      key: 'name',
      label: t().common.name,
      width: 'minmax(140px, 2fr)',
      fixed: true,
      compare: (a, b) => compareTexts(a.reference, b.reference),
      cell: row => row.name || t().images.untagged,
    },
    {
      key: 'tag',
      label: t().images.tagName,
      width: 'minmax(70px, 1fr)',
      cell: row => <span class="mono">{row.tag}</span>,
    },
    {
      key: 'id',
      spare: true,
      label: t().common.id,
      width: '120px',
      aside: true,
      cell: row => <span class="mono soft">{shortId(row.id)}</span>,
    },
    { key: 'users', label: t().images.usedBy, width: 'minmax(80px, 1fr)', cell: users },
    {
      key: 'size',
      label: t().common.size,
      width: '100px',
      end: true,
      compare: (a, b) => a.size - b.size,
      cell: row => byteSize(row.size),
    },
    {
      key: 'created',
      label: t().common.created,
      width: '120px',
      aside: true,
      compare: (a, b) => a.created - b.created,
      cell: row => age(row.created),
    },
  ];
  const users = (row: ImageRow): VNode => {
    const names = usersOf(row, containers.rows).join(', ');
    return (
      <span class="soft" title={names}>
        {names || t().images.unused}
      </span>
    );
  };

  const pullButton = (): VNode => button({ label: t().images.pull, icon: Download, kind: 'primary', onClick: askPull });
  const askPull = (): void => void router.push({ path: route.path, query: { ...route.query, pull: '' } });
  const closePull = (): void => void router.replace({ query: { ...route.query, pull: undefined } });

  const detail = (): VNode => (
    <ImageDetail id={openId.value} name={openRow.value?.reference ?? shortId(openId.value)} />
  );

  const list = (): VNode =>
    h(ObjectList<ImageRow>, {
      name: 'images',
      title: t().images.title,
      count: t().images.count(images.items.length, byteSize(size.value)),
      rows: rows.value,
      loaded: images.loaded,
      columns: columns(),
      keyOf: (row: ImageRow) => row.key,
      nameOf: (row: ImageRow) => row.reference,
      words: (row: ImageRow) => `${row.reference} ${row.id}`,
      selected: openRow.value?.key,
      actions: [
        button({ label: t().images.prune, icon: Trash2, onClick: askPrune }),
        fileButton({
          label: t().images.load,
          icon: FolderInput,
          iconOnly: true,
          accept: '.tar,.gz,.tgz,.zst',
          choose: load,
        }),
        pullButton(),
      ],
      empty: emptyList(t().images.empty, t().images.emptyHint, 'docker pull debian', pullButton()),
      quick: (row: ImageRow) =>
        button({ label: t().run.go, icon: Play, iconOnly: true, kind: 'quiet', onClick: () => run(row) }),
      menu,
      bulk,
      keys: (row: ImageRow) => ({ Delete: () => askRemove([row]) }),
      onOpen: (row: ImageRow) => void router.push({ path: `/images/${row.id}`, query: { name: row.reference } }),
      detail: openId.value ? detail : undefined,
    });

  return () => (
    <div class="view">
      {list()}
      {route.query.pull !== undefined && <PullDialog close={closePull} />}
    </div>
  );
});
