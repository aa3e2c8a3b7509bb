import { Plus, Trash2 } from '@lucide/vue';
import { computed, defineComponent, h, ref, shallowRef, type VNode, watch } from 'vue';
import { containerList } from '../../../contracts/docker/container-routes.ts';
import { systemDiskUsage } from '../../../contracts/docker/system-routes.ts';
import { volumeCreate, volumeRemove } from '../../../contracts/docker/volume-routes.ts';
import type { VolumeDocument } from '../../../contracts/docker/volumes.ts';
import { messageOf } from '../../../contracts/errors.ts';
import {
  button,
  type Column,
  DataTable,
  dialog,
  emptyList,
  engineAway,
  searchField,
  textField,
} from '../../components/index.ts';
import { byteSize, relativeTime } from '../../model/index.ts';
import { engine, t, useClock, useContainers, usePreferences, useVolumes } from '../../stores/index.ts';

/** All volumes with their sizes and who uses them. */
export const VolumeList = defineComponent(() => {
  const volumes = useVolumes();
  const containers = useContainers();
  const preferences = usePreferences();
  const search = ref('');
  const sizes = shallowRef(new Map<string, number>());
  const users = shallowRef(new Map<string, string[]>());
  const creating = ref(false);
  const removing = shallowRef<VolumeDocument>();
  const text = ref('');
  const problem = ref('');

  // what a volume takes is measured when the list changes, not all the time
  watch([() => volumes.items, () => containers.rows.length], measure, { immediate: true });

  async function measure(): Promise<void> {
    const [usage, list] = await Promise.all([
      engine.json(systemDiskUsage, { query: { type: ['volume'] } }).catch(() => undefined),
      engine.json(containerList, { query: { all: true } }).catch(() => []),
    ]);
    sizes.value = new Map((usage?.Volumes ?? []).map(({ Name, UsageData }) => [Name, UsageData?.Size ?? -1]));
    const pairs = list.flatMap(({ Mounts, Names }) =>
      Mounts.flatMap(({ Name }) => (Name ? [{ volume: Name, user: (Names[0] ?? '/').slice(1) }] : [])),
    );
    const groups = Map.groupBy(pairs, ({ volume }) => volume);
    users.value = new Map([...groups].map(([volume, all]) => [volume, all.map(({ user }) => user)]));
  }

  const rows = computed(() =>
    volumes.items
      .filter(({ Name }) => Name.toLowerCase().includes(search.value.toLowerCase()))
      .sort((a, b) => (a.Name < b.Name ? -1 : 1)),
  );
  const size = ({ Name }: VolumeDocument): string => {
    const bytes = sizes.value.get(Name) ?? -1;
    return bytes < 0 ? '' : byteSize(bytes);
  };

  const close = (): void => {
    creating.value = false;
    removing.value = undefined;
    text.value = '';
    problem.value = '';
  };

  async function submit(): Promise<void> {
    try {
      if (creating.value) await engine.json(volumeCreate, { body: text.value ? { Name: text.value } : {} });
      else if (removing.value && text.value === removing.value.Name)
        await engine.json(volumeRemove, { path: { name: removing.value.Name } });
      else return;
      close();
    } catch (error) {
      problem.value = messageOf(error);
    }
  }

  const columns = computed((): Column<VolumeDocument>[] => [
    {
      key: 'name',
      label: t().common.name,
      width: 'minmax(160px, 2fr)',
      cell: ({ Name }) => <span title={Name}>{Name}</span>,
    },
    {
      key: 'driver',
      label: t().common.driver,
      width: '90px',
      cell: ({ Driver }) => <span class="soft">{Driver}</span>,
    },
    {
      key: 'users',
      label: t().volumes.usedBy,
      width: 'minmax(100px, 1fr)',
      cell: ({ Name }) => <span class="soft">{users.value.get(Name)?.join(', ') ?? t().volumes.unused}</span>,
    },
    { key: 'size', label: t().common.size, width: '90px', end: true, cell: size },
    {
      key: 'created',
      label: t().common.created,
      width: '130px',
      cell: ({ CreatedAt }) => (
        <span class="soft">
          {CreatedAt && relativeTime(Date.parse(CreatedAt), useClock().now, preferences.language)}
        </span>
      ),
    },
    { key: 'actions', label: t().common.actions, hideLabel: true, width: '40px', class: 'actions', cell: removeButton },
  ]);

  const removeButton = (volume: VolumeDocument): VNode =>
    button({
      label: `${t().common.remove} ${volume.Name}`,
      icon: Trash2,
      iconOnly: true,
      kind: 'quiet',
      onClick: () => {
        removing.value = volume;
      },
    });

  const askDialog = (): VNode => {
    const volume = removing.value;
    const texts = t().volumes;
    const change = (value: string): void => {
      text.value = value;
    };
    const common = { id: 'volume-name', value: text.value, change, focus: true };
    return dialog({
      title: volume ? texts.removeTitle(volume.Name) : texts.create,
      open: creating.value || volume !== undefined,
      close,
      submit: () => void submit(),
      content: () => (
        <div class="section">
          {volume && <p>{texts.removeText(size(volume))}</p>}
          {volume
            ? textField({ ...common, label: texts.typeName(volume.Name) })
            : textField({ ...common, label: t().common.name, hint: texts.nameHint })}
          {problem.value && (
            <p class="error-text" role="alert">
              {problem.value}
            </p>
          )}
        </div>
      ),
      footer: () => [
        button({ label: t().common.cancel, onClick: close }),
        button({
          label: volume ? t().common.remove : texts.create,
          kind: volume ? 'danger' : 'primary',
          submit: true,
          disabled: volume !== undefined && text.value !== volume.Name,
          onClick: () => undefined,
        }),
      ],
    });
  };

  const createButton = (): VNode =>
    button({
      label: t().volumes.create,
      icon: Plus,
      kind: 'primary',
      onClick: () => {
        creating.value = true;
      },
    });

  const table = (): VNode | undefined => {
    if (!volumes.loaded) return engineAway();
    if (volumes.items.length === 0)
      return emptyList(t().volumes.empty, t().volumes.emptyHint, 'docker volume create data', createButton());
    return h(DataTable<VolumeDocument>, {
      label: t().volumes.title,
      rows: rows.value,
      columns: columns.value,
      keyOf: ({ Name }: VolumeDocument) => Name,
      rowHeight: preferences.rowHeight,
      onKey: (volume: VolumeDocument, key: string) => {
        if (key === 'Delete') removing.value = volume;
        return key === 'Delete';
      },
    });
  };

  return () => (
    <div class="view">
      <header class="head">
        <div class="title grow">
          <h1>{t().volumes.title}</h1>
          <span class="soft">{t().volumes.count(volumes.items.length)}</span>
        </div>
        {createButton()}
      </header>
      <div class="toolbar">
        {searchField(t().common.searchIn(t().volumes.title), search.value, value => {
          search.value = value;
        })}
      </div>
      {table()}
      {askDialog()}
    </div>
  );
});
