import { computed, defineComponent, type VNode } from 'vue';
import { RouterLink } from 'vue-router';
import { engineAway, stateDot } from '../../components/index.ts';
import { type LaneRow, networkLanes } from '../../model/index.ts';
import { t, useContainers, useNetworks } from '../../stores/index.ts';

/** Colours of lanes that can be told apart; the name stands above each all the same. */
const colours = 6;

/** A name that may go on in a new line after what joins its words. */
const breakable = (name: string): (VNode | string)[] => name.split(/(?<=[_.-])/).flatMap(part => [part, <wbr />]);

/** Who can talk to whom: networks are lanes, running containers stops on them, published ports the edge. */
export const NetworkPicture = defineComponent(
  (props: { actions: VNode[] }) => {
    const networks = useNetworks();
    const containers = useContainers();
    const picture = computed(() =>
      networkLanes(
        containers.running,
        networks.items.map(({ Name }) => Name),
      ),
    );

    const stop = (row: LaneRow, lane: number): VNode => {
      const address = row.stops[lane];
      const name = picture.value.lanes[lane] ?? '';
      const passes = lane >= row.from && lane <= row.to && row.from !== -1;
      return (
        <td
          key={name}
          class={[
            'lane',
            `lane-${lane % colours}`,
            passes && lane > row.from && 'left',
            passes && lane < row.to && 'right',
          ]}
        >
          {address === undefined ? undefined : (
            <span class="stop" title={`${name} ${address}`}>
              <span class="visually-hidden">{t().networks.isOn(name, address)}</span>
            </span>
          )}
        </td>
      );
    };

    const line = (row: LaneRow): VNode => {
      const { id, name, ports } = row.container;
      const published = ports.filter(({ link }) => link !== undefined);
      return (
        <tr key={id}>
          <td class="edge mono">
            {published.map(({ text, link }) => (
              <a key={text} href={link} target="_blank" rel="noopener noreferrer">
                {text.split(':')[0]}
              </a>
            ))}
          </td>
          <th scope="row">
            <RouterLink to={`/containers/${id}/overview`}>{{ default: () => stateDot('running', name) }}</RouterLink>
          </th>
          {picture.value.lanes.map((_name, lane) => stop(row, lane))}
          <td class="addresses mono soft">{row.stops.filter(Boolean).join(', ')}</td>
        </tr>
      );
    };

    const head = (): VNode => (
      <thead>
        <tr>
          <th scope="col">{t().networks.published}</th>
          <th scope="col">{t().networks.members}</th>
          {picture.value.lanes.map((name, lane) => (
            <th key={name} scope="col" class={['lane-name', `lane-${lane % colours}`]}>
              <span>{breakable(name)}</span>
            </th>
          ))}
          <th scope="col">{t().detail.address}</th>
        </tr>
      </thead>
    );

    return () => (
      <div class="view">
        <header class="head">
          <div class="title grow">
            <h1>{t().networks.title}</h1>
            <span class="soft">{t().networks.pictureHint}</span>
          </div>
          {props.actions}
        </header>
        {!networks.loaded ? (
          engineAway()
        ) : (
          <div class="body" tabindex={0}>
            {picture.value.rows.length === 0 ? (
              <p class="soft">{t().networks.nobodyRuns}</p>
            ) : (
              <table class="lanes" aria-label={t().networks.asPicture}>
                {head()}
                <tbody>{picture.value.rows.map(line)}</tbody>
              </table>
            )}
          </div>
        )}
      </div>
    );
  },
  { props: ['actions'] },
);
