import { FolderInput, Plus, Trash2 } from '@lucide/vue';
import { computed, defineComponent, h, onMounted, ref, type VNode } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import type { VolumeDocument } from '../../../contracts/docker/volumes.ts';
import { age, button, emptyList, fileButton, type ListColumn, ObjectList, stateDot } from '../../components/index.ts';
import { byteSize, compareTexts } from '../../model/index.ts';
import { t, useBackups, useConnection, useNotices, useVolumes } from '../../stores/index.ts';
import { askCreate, askImport, askRemove, lostVolumeMenu, volumeMenu } from './actions.ts';
import { BackupDialog } from './backup.tsx';
import { VolumeDetail } from './detail.tsx';
import { RestoreDialog } from './restore.tsx';
import { useVolumeUsage } from './usage.ts';

const lostVolume = { Driver: '', Mountpoint: '', Scope: 'local', Labels: null, Options: null } satisfies Omit<
  VolumeDocument,
  'Name'
>;

/** All volumes with their sizes and who uses them. */
export const VolumeList = defineComponent(() => {
  const volumes = useVolumes();
  const usage = useVolumeUsage();
  const route = useRoute();
  const router = useRouter();
  const openName = computed(() => (typeof route.params.id === 'string' ? route.params.id : ''));
  const chooser = ref<HTMLInputElement | null>(null);
  const backups = useBackups();
  onMounted(() => void backups.read().catch((error: unknown) => useNotices().add(t().backups.column, error)));
  /** The volume that the chosen file goes into. */
  let target = '';

  const importInto = (name: string): void => {
    target = name;
    chooser.value?.click();
  };
  /** Volumes that are gone while there are backups of them: one of those brings them back. */
  const lost = computed(() => {
    if (!volumes.loaded || useConnection().about?.engine) return []; // backups are of Berth's own engine
    const here = new Set(volumes.items.map(({ Name }) => Name));
    const gone = backups.plans.filter(({ volume, tried }) => tried !== undefined && !here.has(volume));
    return gone.map(({ volume }) => ({ ...lostVolume, Name: volume }));
  });
  const isLost = ({ Name }: VolumeDocument): boolean => lost.value.some(each => each.Name === Name);

  const users = (name: string): string =>
    usage
      .usersOf(name)
      .map(user => user.name)
      .join(', ');

  const columns = (): ListColumn<VolumeDocument>[] => [
    {
      key: 'name',
      label: t().common.name,
      width: 'minmax(160px, 2fr)',
      fixed: true,
      compare: (a, b) => compareTexts(a.Name, b.Name),
      cell: ({ Name }) => <span title={Name}>{Name}</span>,
    },
    {
      key: 'driver',
      spare: true,
      label: t().common.driver,
      width: '90px',
      aside: true,
      cell: ({ Driver }) => <span class="soft">{Driver}</span>,
    },
    {
      key: 'users',
      label: t().volumes.usedBy,
      width: 'minmax(100px, 1fr)',
      cell: row =>
        isLost(row) ? (
          stateDot('warning', t().backups.lost)
        ) : (
          <span class="soft">{users(row.Name) || t().volumes.unused}</span>
        ),
    },
    { key: 'backup', spare: true, label: t().backups.column, width: '130px', aside: true, cell: backup },
    {
      key: 'size',
      label: t().common.size,
      width: '108px',
      end: true,
      compare: (a, b) => usage.sizeOf(a.Name) - usage.sizeOf(b.Name),
      cell: ({ Name }) => (usage.sizeOf(Name) < 0 ? '' : byteSize(usage.sizeOf(Name))),
    },
    {
      key: 'created',
      label: t().common.created,
      width: '130px',
      aside: true,
      compare: (a, b) => compareTexts(a.CreatedAt ?? '', b.CreatedAt ?? ''),
      cell: ({ CreatedAt }) => age(CreatedAt),
    },
  ];

  const backup = ({ Name }: VolumeDocument): VNode | undefined => {
    const plan = backups.of(Name);
    if (!plan) return undefined;
    if (plan.problem !== '') return stateDot('failed', t().backups.failed, plan.problem);
    return plan.tried === undefined ? <span class="soft">{t().backups.soon}</span> : age(plan.tried);
  };

  function open(row: VolumeDocument): void {
    if (isLost(row)) backups.restoring = row.Name;
    else void router.push(`/volumes/${encodeURIComponent(row.Name)}`);
  }

  const createButton = (): VNode =>
    button({ label: t().volumes.create, icon: Plus, kind: 'primary', onClick: askCreate });
  const detail = (): VNode => <VolumeDetail key={openName.value} name={openName.value} usage={usage} />;

  return () => (
    <div class="view">
      {h(ObjectList<VolumeDocument>, {
        name: 'volumes',
        title: t().volumes.title,
        count: t().volumes.count(volumes.items.length),
        rows: [...volumes.items, ...lost.value],
        loaded: volumes.loaded,
        columns: columns(),
        keyOf: ({ Name }: VolumeDocument) => Name,
        nameOf: ({ Name }: VolumeDocument) => Name,
        words: ({ Name }: VolumeDocument) => `${Name} ${users(Name)}`,
        selected: openName.value || undefined,
        actions: [
          fileButton({
            label: t().volumes.import,
            icon: FolderInput,
            iconOnly: true,
            accept: '.tar,.gz,.tgz,.zst',
            choose: file => askImport(file, '', usage),
          }),
          createButton(),
        ],
        empty: emptyList(t().volumes.empty, t().volumes.emptyHint, 'docker volume create data', createButton()),
        menu: (row: VolumeDocument) =>
          isLost(row) ? lostVolumeMenu(row.Name) : volumeMenu(row.Name, usage, importInto),
        bulk: (rows: readonly VolumeDocument[]) => [
          {
            label: t().common.remove,
            icon: Trash2,
            danger: true,
            run: () => {
              const names = rows.filter(row => !isLost(row)).map(({ Name }) => Name);
              if (names.length > 0) askRemove(names, usage);
            },
          },
        ],
        keys: (row: VolumeDocument): Record<string, () => void> =>
          isLost(row) ? {} : { Delete: () => askRemove([row.Name], usage) },
        onOpen: open,
        detail: openName.value ? detail : undefined,
      })}
      {backups.asked !== '' && (
        <BackupDialog
          key={backups.asked}
          volume={backups.asked}
          close={() => {
            backups.asked = '';
          }}
        />
      )}
      {backups.restoring !== '' && (
        <RestoreDialog
          key={backups.restoring}
          volume={backups.restoring}
          usage={usage}
          close={() => {
            backups.restoring = '';
          }}
        />
      )}
      <input
        ref={chooser}
        type="file"
        hidden
        accept=".tar,.gz,.tgz,.zst"
        aria-label={t().volumes.import}
        onChange={event => {
          const field = event.target as HTMLInputElement;
          const file = field.files?.[0];
          if (file) askImport(file, target, usage);
          field.value = '';
        }}
      />
    </div>
  );
});
