import { Plug } from '@lucide/vue';
import { defineComponent, h, onMounted, shallowRef } from 'vue';
import { useRouter } from 'vue-router';
import type { EngineDocument } from '../../../contracts/bridge.ts';
import { button, emptyList, type ListColumn, ObjectList, stateDot } from '../../components/index.ts';
import { compareTexts } from '../../model/index.ts';
import { bridge, t, useConnection, useNotices } from '../../stores/index.ts';

/** Other Docker engines, by Docker's contexts: over SSH, TLS or a socket; one of them is shown in this window. */
export const EnginesView = defineComponent(() => {
  const connection = useConnection();
  const router = useRouter();
  const engines = shallowRef<readonly EngineDocument[]>([]);
  const loaded = shallowRef(false);
  /** The one that is asked whether it answers. */
  const connecting = shallowRef<string>();
  const nameOf = ({ name }: EngineDocument): string => name || 'Berth';

  onMounted(async () => {
    try {
      ({ engines: engines.value } = await bridge.call('engines', {}));
      loaded.value = true;
    } catch (error) {
      useNotices().add(t().engines.title, error);
    }
  });

  async function choose({ name }: EngineDocument): Promise<void> {
    if (connecting.value !== undefined) return;
    connecting.value = name;
    try {
      await bridge.call('chooseEngine', { name });
      // every list belongs to the other engine: the window begins anew
      await router.push('/containers');
      location.reload();
    } catch (error) {
      useNotices().add(t().engines.away(name || 'Berth'), error);
    } finally {
      connecting.value = undefined;
    }
  }

  const state = ({ name, chosen, problem }: EngineDocument) => {
    if (name === connecting.value) return stateDot('warning', t().engines.connecting);
    if (problem) return stateDot('failed', problem);
    if (!chosen) return '';
    return connection.engineUp ? stateDot('running', t().engines.shown) : stateDot('warning', t().machine.unreachable);
  };

  const columns = (): ListColumn<EngineDocument>[] => [
    {
      key: 'name',
      label: t().common.name,
      width: 'minmax(120px, 1fr)',
      fixed: true,
      compare: (a, b) => (a.name === '' ? -1 : b.name === '' ? 1 : compareTexts(a.name, b.name)),
      cell: nameOf,
    },
    {
      key: 'host',
      label: t().detail.address,
      width: 'minmax(200px, 2fr)',
      cell: ({ host }) => (
        <span class="mono soft" title={host}>
          {host}
        </span>
      ),
    },
    {
      key: 'description',
      label: t().engines.description,
      width: 'minmax(120px, 1.5fr)',
      cell: ({ description }) => <span class="soft">{description}</span>,
    },
    { key: 'state', label: t().common.state, width: 'minmax(120px, 1fr)', cell: state },
  ];

  return () =>
    h(ObjectList<EngineDocument>, {
      name: 'engines',
      title: t().engines.title,
      count: t().engines.hint,
      rows: engines.value,
      loaded: loaded.value,
      columns: columns(),
      keyOf: nameOf,
      nameOf,
      words: ({ name, host, description }: EngineDocument) => `${name} ${host} ${description}`,
      empty: emptyList(t().engines.title, t().engines.hint, 'docker context create nas --docker host=ssh://me@nas'),
      quick: (engine: EngineDocument) =>
        engine.chosen
          ? undefined
          : button({
              label: t().engines.show,
              icon: Plug,
              kind: 'quiet',
              iconOnly: true,
              onClick: () => void choose(engine),
            }),
      menu: (engine: EngineDocument) => [
        { label: t().engines.show, icon: Plug, disabled: engine.chosen, run: () => void choose(engine) },
      ],
      onOpen: (engine: EngineDocument) => {
        if (!engine.chosen) void choose(engine);
      },
    });
});
