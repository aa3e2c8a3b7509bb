import { Hammer, Trash2 } from '@lucide/vue';
import { defineComponent, h, onMounted, shallowRef } from 'vue';
import { useRouter } from 'vue-router';
import type { BuildCacheRecord } from '../../../contracts/docker/system.ts';
import { buildPrune, systemDiskUsage } from '../../../contracts/docker/system-routes.ts';
import { age, button, emptyList, type ListColumn, ObjectList } from '../../components/index.ts';
import { byteSize, compareTexts, shortId } from '../../model/index.ts';
import { engine, t, useAsking, useNotices } from '../../stores/index.ts';

/** What steps of builds have left, so that the next build is quick; and its end. */
export const BuildCache = defineComponent(() => {
  const router = useRouter();
  const records = shallowRef<readonly BuildCacheRecord[]>([]);
  const loaded = shallowRef(false);
  const sum = (all: readonly BuildCacheRecord[]): number => all.reduce((total, { Size }) => total + Size, 0);

  async function read(): Promise<void> {
    const usage = await engine.json(systemDiskUsage, { query: { type: ['build-cache'] } });
    records.value = usage.BuildCache ?? [];
    loaded.value = true;
  }
  onMounted(() => void read().catch(error => useNotices().add(t().builds.cache, error)));

  async function prune(query: { all: boolean; filters?: Record<string, string[]> }): Promise<void> {
    const report = await engine.json(buildPrune, { query });
    useNotices().tell(t().common.freed(byteSize(report.SpaceReclaimed)));
    await read();
  }

  function askPrune(): void {
    const texts = t().builds;
    const unshared = records.value.filter(({ Shared, InUse }) => !Shared && !InUse);
    useAsking().ask({
      title: texts.pruneTitle,
      says: [texts.pruneText(unshared.length, byteSize(sum(unshared))), texts.pruneMeans],
      option: { label: texts.pruneAll },
      verb: t().common.remove,
      danger: true,
      run: (_text, all) => prune({ all }),
    });
  }

  const columns = (): ListColumn<BuildCacheRecord>[] => [
    {
      key: 'description',
      label: t().builds.madeBy,
      width: 'minmax(180px, 3fr)',
      fixed: true,
      compare: (a, b) => compareTexts(a.Description, b.Description),
      cell: ({ Description, ID }) => <code title={Description}>{Description || shortId(ID)}</code>,
    },
    {
      key: 'type',
      label: t().networks.kind,
      width: 'minmax(100px, 1fr)',
      cell: ({ Type, Shared, InUse }) => (
        <span class="soft">
          {[Type, Shared ? t().builds.shared : '', InUse ? t().builds.inUse : ''].filter(Boolean).join(', ')}
        </span>
      ),
    },
    {
      key: 'size',
      label: t().common.size,
      width: '108px',
      end: true,
      compare: (a, b) => a.Size - b.Size,
      cell: ({ Size }) => byteSize(Size),
    },
    {
      key: 'used',
      label: t().builds.used,
      width: '150px',
      compare: (a, b) => compareTexts(a.LastUsedAt ?? '', b.LastUsedAt ?? ''),
      cell: ({ LastUsedAt, CreatedAt }) => age(LastUsedAt ?? CreatedAt),
    },
  ];

  const remove = (rows: readonly BuildCacheRecord[]) => ({
    label: t().common.remove,
    icon: Trash2,
    danger: true,
    run: () =>
      void prune({ all: true, filters: { id: rows.map(({ ID }) => ID) } }).catch(error =>
        useNotices().add(t().builds.cache, error),
      ),
  });

  return () =>
    h(ObjectList<BuildCacheRecord>, {
      name: 'build-cache',
      title: t().builds.cache,
      count: t().builds.cacheCount(records.value.length, byteSize(sum(records.value))),
      rows: records.value,
      loaded: loaded.value,
      columns: columns(),
      keyOf: ({ ID }: BuildCacheRecord) => ID,
      nameOf: ({ Description, ID }: BuildCacheRecord) => Description || ID,
      words: ({ Description, ID, Type }: BuildCacheRecord) => `${Description} ${ID} ${Type}`,
      actions: [
        button({ label: t().builds.title, icon: Hammer, onClick: () => void router.push('/builds') }),
        button({ label: t().builds.prune, icon: Trash2, kind: 'danger', onClick: askPrune }),
      ],
      empty: emptyList(t().builds.cacheEmpty, t().builds.emptyHint, 'docker build -t app .'),
      menu: (record: BuildCacheRecord) => [remove([record])],
      bulk: (rows: readonly BuildCacheRecord[]) => [remove(rows)],
      keys: (record: BuildCacheRecord) => ({ Delete: remove([record]).run }),
    });
});
