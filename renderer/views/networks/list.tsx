import { List, Network, Plus, Trash2 } from '@lucide/vue';
import { computed, defineComponent, h, shallowRef, type VNode, watch } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import { networkInspect } from '../../../contracts/docker/network-routes.ts';
import type { NetworkInspect } from '../../../contracts/docker/networks.ts';
import {
  button,
  Copyable,
  detailView,
  fact,
  type ListColumn,
  type MenuItem,
  ObjectList,
} from '../../components/index.ts';
import { compareTexts, shortId } from '../../model/index.ts';
import { engine, t, useContainers, useNetworks } from '../../stores/index.ts';
import { askCreate, builtInNetworks, remove } from './actions.ts';
import { NetworkPicture } from './picture.tsx';

const subnets = ({ IPAM }: NetworkInspect): string => (IPAM.Config ?? []).map(({ Subnet }) => Subnet ?? '').join(', ');
const isBuiltIn = ({ Name }: NetworkInspect): boolean => builtInNetworks.has(Name);

/** All networks, and who is on one; or a picture of who can talk to whom. */
export const NetworkList = defineComponent(() => {
  const networks = useNetworks();
  const containers = useContainers();
  const route = useRoute();
  const router = useRouter();
  const open = shallowRef<NetworkInspect>();
  const openId = computed(() => (typeof route.params.id === 'string' ? route.params.id : ''));
  const isPicture = computed(() => route.query.picture !== undefined);

  watch([openId, () => networks.items, () => containers.running], read, { immediate: true });
  async function read(): Promise<void> {
    open.value = openId.value
      ? await engine.json(networkInspect, { path: { ref: openId.value } }).catch(() => undefined)
      : undefined;
  }

  /** How many containers are on each, also those that do not run. */
  const counts = computed(() =>
    Map.groupBy(
      containers.rows.flatMap(row => row.networks),
      ({ name }) => name,
    ),
  );
  const members = ({ Name }: NetworkInspect): number => counts.value.get(Name)?.length ?? 0;

  const columns = (): ListColumn<NetworkInspect>[] => [
    {
      key: 'name',
      label: t().common.name,
      width: 'minmax(140px, 2fr)',
      fixed: true,
      compare: (a, b) => compareTexts(a.Name, b.Name),
      cell: ({ Name }) => Name,
    },
    {
      key: 'driver',
      label: t().common.driver,
      width: '90px',
      compare: (a, b) => compareTexts(a.Driver, b.Driver),
      cell: ({ Driver }) => <span class="soft">{Driver}</span>,
    },
    {
      key: 'members',
      label: t().networks.members,
      width: '128px',
      end: true,
      compare: (a, b) => members(a) - members(b),
      cell: each => String(members(each) || '–'),
    },
    {
      key: 'subnet',
      label: t().networks.subnet,
      width: 'minmax(120px, 1.6fr)',
      compare: (a, b) => compareTexts(subnets(a), subnets(b)),
      cell: each => <span class="mono">{subnets(each)}</span>,
    },
    {
      key: 'kind',
      aside: true,
      label: t().networks.kind,
      width: '90px',
      cell: each => (
        <span class="soft">{isBuiltIn(each) ? t().networks.builtIn : each.Internal ? t().networks.internal : ''}</span>
      ),
    },
  ];

  const removeItem = (rows: readonly NetworkInspect[]): MenuItem => ({
    label: t().common.remove,
    icon: Trash2,
    danger: true,
    disabled: rows.every(isBuiltIn),
    run: () => {
      const own = rows.filter(each => !isBuiltIn(each));
      for (const each of own) void remove(each);
      if (own.some(({ Id }) => Id === openId.value)) void router.push('/networks');
    },
  });

  const switchButton = (): VNode =>
    button({
      label: isPicture.value ? t().networks.asList : t().networks.asPicture,
      icon: isPicture.value ? List : Network,
      onClick: () => void router.replace({ path: '/networks', query: isPicture.value ? {} : { picture: '' } }),
    });
  const createButton = (): VNode =>
    button({ label: t().networks.create, icon: Plus, kind: 'primary', onClick: askCreate });

  return () =>
    isPicture.value ? (
      <NetworkPicture actions={[switchButton(), createButton()]} />
    ) : (
      h(ObjectList<NetworkInspect>, {
        name: 'networks',
        title: t().networks.title,
        count: t().networks.count(networks.items.length),
        rows: networks.items,
        loaded: networks.loaded,
        columns: columns(),
        keyOf: ({ Id }: NetworkInspect) => Id,
        nameOf: ({ Name }: NetworkInspect) => Name,
        words: (each: NetworkInspect) => `${each.Name} ${each.Id} ${each.Driver} ${subnets(each)}`,
        selected: openId.value || undefined,
        actions: [switchButton(), createButton()],
        menu: (each: NetworkInspect) => [removeItem([each])],
        bulk: (rows: readonly NetworkInspect[]) => [removeItem(rows)],
        keys: (each: NetworkInspect) => ({ Delete: removeItem([each]).run }),
        onOpen: ({ Id }: NetworkInspect) => void router.push(`/networks/${Id}`),
        detail: openId.value && open.value ? () => detail(open.value, () => void router.push('/networks')) : undefined,
      })
    );
});

function detail(network: NetworkInspect | undefined, close: () => void): VNode {
  const members = Object.entries(network?.Containers ?? {});
  const texts = t().networks;
  return detailView({
    name: network?.Name ?? '',
    close,
    content: network && (
      <div class="body" tabindex={0}>
        <dl class="facts">
          {fact(t().common.id, <Copyable text={network.Id} shown={shortId(network.Id)} />)}
          {fact(t().common.driver, network.Driver)}
          {fact(texts.subnet, subnets(network))}
          {fact(t().detail.gateway, (network.IPAM.Config ?? []).map(({ Gateway }) => Gateway ?? '').join(', '))}
          {fact(texts.scope, network.Scope)}
        </dl>
        <section class="section">
          <h2>{texts.members}</h2>
          {members.length === 0 && <p class="soft">{texts.nobody}</p>}
          <ul class="plain">
            {members.map(([id, { Name, IPv4Address }]) => (
              <li key={id}>
                {Name} <code>{IPv4Address}</code>
              </li>
            ))}
          </ul>
        </section>
      </div>
    ),
  });
}
