import { Plus, Trash2, X } from '@lucide/vue';
import { computed, defineComponent, h, ref, shallowRef, type VNode, watch } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import { networkCreate, networkInspect, networkRemove } from '../../../contracts/docker/network-routes.ts';
import type { NetworkInspect } from '../../../contracts/docker/networks.ts';
import { messageOf } from '../../../contracts/errors.ts';
import {
  button,
  type Column,
  Copyable,
  DataTable,
  dialog,
  engineAway,
  fact,
  Split,
  searchField,
  textField,
} from '../../components/index.ts';
import { shortId } from '../../model/index.ts';
import { engine, t, useContainers, useNetworks, usePreferences } from '../../stores/index.ts';

const builtIn = new Set(['bridge', 'host', 'none']);
const subnets = ({ IPAM }: NetworkInspect): string => (IPAM.Config ?? []).map(({ Subnet }) => Subnet ?? '').join(', ');

/** All networks, and who is on one. */
export const NetworkList = defineComponent(() => {
  const networks = useNetworks();
  const preferences = usePreferences();
  const containers = useContainers();
  const route = useRoute();
  const router = useRouter();
  const search = ref('');
  const asking = shallowRef<NetworkInspect | 'create'>();
  const text = ref('');
  const problem = ref('');
  const open = shallowRef<NetworkInspect>();
  const openId = computed(() => (typeof route.params.id === 'string' ? route.params.id : ''));

  watch([openId, () => networks.items, () => containers.running], read, { immediate: true });
  async function read(): Promise<void> {
    if (openId.value)
      open.value = await engine.json(networkInspect, { path: { ref: openId.value } }).catch(() => undefined);
  }

  const rows = computed(() =>
    networks.items
      .filter(({ Name }) => Name.toLowerCase().includes(search.value.toLowerCase()))
      .sort((a, b) => (a.Name < b.Name ? -1 : 1)),
  );

  const ask = (what: NetworkInspect | 'create' | undefined): void => {
    asking.value = what;
    text.value = '';
    problem.value = '';
  };

  async function submit(): Promise<void> {
    const what = asking.value;
    try {
      if (what === 'create') await engine.json(networkCreate, { body: { Name: text.value } });
      else if (what) await engine.json(networkRemove, { path: { ref: what.Id } });
      ask(undefined);
    } catch (error) {
      problem.value = messageOf(error);
    }
  }

  const columns = computed((): Column<NetworkInspect>[] => [
    { key: 'name', label: t().common.name, width: 'minmax(140px, 2fr)', cell: ({ Name }) => Name },
    {
      key: 'driver',
      label: t().common.driver,
      width: '90px',
      cell: ({ Driver }) => <span class="soft">{Driver}</span>,
    },
    {
      key: 'subnet',
      label: t().networks.subnet,
      width: 'minmax(120px, 1fr)',
      cell: each => <span class="mono">{subnets(each)}</span>,
    },
    {
      key: 'kind',
      label: t().common.details,
      hideLabel: true,
      width: '90px',
      cell: ({ Name, Internal }) => (
        <span class="soft">{builtIn.has(Name) ? t().networks.builtIn : Internal ? t().networks.internal : ''}</span>
      ),
    },
    { key: 'actions', label: t().common.actions, hideLabel: true, width: '40px', class: 'actions', cell: removeButton },
  ]);
  const removeButton = (network: NetworkInspect): VNode | undefined =>
    builtIn.has(network.Name)
      ? undefined
      : button({
          label: `${t().common.remove} ${network.Name}`,
          icon: Trash2,
          iconOnly: true,
          kind: 'quiet',
          onClick: () => ask(network),
        });

  const askDialog = (): VNode => {
    const what = asking.value;
    const texts = t().networks;
    const removing = what !== undefined && what !== 'create' ? what : undefined;
    return dialog({
      title: removing ? texts.removeTitle(removing.Name) : texts.create,
      open: what !== undefined,
      close: () => ask(undefined),
      submit: () => void submit(),
      content: () => (
        <div class="section">
          {removing ? (
            <p>{texts.removeText}</p>
          ) : (
            textField({
              id: 'network-name',
              label: t().common.name,
              value: text.value,
              focus: true,
              change: value => {
                text.value = value;
              },
            })
          )}
          {problem.value && (
            <p class="error-text" role="alert">
              {problem.value}
            </p>
          )}
        </div>
      ),
      footer: () => [
        button({ label: t().common.cancel, onClick: () => ask(undefined) }),
        button({
          label: removing ? t().common.remove : texts.create,
          kind: removing ? 'danger' : 'primary',
          submit: true,
          onClick: () => undefined,
        }),
      ],
    });
  };

  const list = (): VNode => (
    <div class="view">
      <header class="head">
        <div class="title grow">
          <h1>{t().networks.title}</h1>
          <span class="soft">{t().networks.count(networks.items.length)}</span>
        </div>
        {button({ label: t().networks.create, icon: Plus, kind: 'primary', onClick: () => ask('create') })}
      </header>
      <div class="toolbar">
        {searchField(t().common.searchIn(t().networks.title), search.value, value => {
          search.value = value;
        })}
      </div>
      {!networks.loaded
        ? engineAway()
        : h(DataTable<NetworkInspect>, {
            label: t().networks.title,
            rows: rows.value,
            columns: columns.value,
            keyOf: ({ Id }: NetworkInspect) => Id,
            rowHeight: preferences.rowHeight,
            selected: openId.value || undefined,
            onOpen: ({ Id }: NetworkInspect) => void router.push(`/networks/${Id}`),
          })}
    </div>
  );

  return () => (
    <div class="view">
      <Split
        name="networks"
        label={t().common.resize}
        left={list}
        right={openId.value && open.value ? () => detail(open.value, () => void router.push('/networks')) : undefined}
      />
      {askDialog()}
    </div>
  );
});

function detail(network: NetworkInspect | undefined, close: () => void): VNode {
  const members = Object.entries(network?.Containers ?? {});
  const texts = t().networks;
  return (
    <section class="view" aria-label={network?.Name}>
      <header class="head" style={{ padding: '12px 12px 4px 20px' }}>
        <h2 class="grow" style={{ fontSize: '15px' }}>
          {network?.Name}
        </h2>
        {button({ label: t().common.close, icon: X, iconOnly: true, kind: 'quiet', onClick: close })}
      </header>
      {network && (
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
      )}
    </section>
  );
}
