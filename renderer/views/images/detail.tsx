import { defineComponent, h, ref, shallowRef, type VNode, watch } from 'vue';
import { useRouter } from 'vue-router';
import { imageHistory, imageInspect } from '../../../contracts/docker/image-routes.ts';
import type { HistoryItem, ImageInspect } from '../../../contracts/docker/images.ts';
import { messageOf } from '../../../contracts/errors.ts';
import { Copyable, DocumentTree, detailView, fact, tabs } from '../../components/index.ts';
import { byteSize, shortId } from '../../model/index.ts';
import { engine, t, usePreferences } from '../../stores/index.ts';
import { LayerFilesView } from './layer-files.tsx';

/** What an image is, the layers that it is made of, and its whole document. */
export const ImageDetail = defineComponent(
  (props: { id: string; name: string }) => {
    const router = useRouter();
    const document = shallowRef<ImageInspect>();
    const history = shallowRef<HistoryItem[]>([]);
    const error = ref('');
    const tab = ref('layers');
    watch(() => props.id, read, { immediate: true });

    async function read(): Promise<void> {
      try {
        const path = { name: props.id };
        [document.value, history.value] = await Promise.all([
          engine.json(imageInspect, { path }),
          engine.json(imageHistory, { path }),
        ]);
        error.value = '';
      } catch (failure) {
        error.value = messageOf(failure);
      }
    }

    const content = (found: ImageInspect): VNode =>
      tabs(
        t().common.details,
        [
          { key: 'layers', label: t().images.layers, content: () => layers(history.value) },
          {
            key: 'files',
            label: t().images.files,
            content: () => h(LayerFilesView, { key: props.id, name: props.name, size: found.Size }),
          },
          { key: 'configuration', label: t().images.configuration, content: () => configuration(found) },
          { key: 'inspect', label: t().detail.inspect, content: () => h(DocumentTree, { document: found }) },
        ],
        tab.value,
        key => {
          tab.value = key;
        },
      );

    return () =>
      detailView({
        name: props.name,
        sub: document.value && byteSize(document.value.Size),
        error: error.value,
        close: () => void router.push('/images'),
        content: document.value && content(document.value),
      });
  },
  { props: ['id', 'name'] },
);

const layers = (history: readonly HistoryItem[]): VNode => (
  <div class="body" tabindex={0}>
    <table class="simple">
      <thead>
        <tr>
          <th scope="col">{t().images.layerCommand}</th>
          <th scope="col" class="end">
            {t().common.size}
          </th>
        </tr>
      </thead>
      <tbody>
        {history.map(({ CreatedBy, Size, Comment, Created }, index) => (
          <tr key={`${index} ${Created}`}>
            <td>
              <code>{CreatedBy || Comment || '–'}</code>
            </td>
            <td class="end">{byteSize(Size)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

const configuration = ({
  Id,
  Os,
  Architecture,
  Variant,
  Config,
  RepoDigests,
  RepoTags,
  Created,
}: ImageInspect): VNode => (
  <div class="body" tabindex={0}>
    <dl class="facts">
      {fact(t().common.id, <Copyable text={Id} shown={shortId(Id)} />)}
      {fact(t().images.tagName, RepoTags.join(', '))}
      {fact(t().images.digest, RepoDigests[0] && <Copyable text={RepoDigests[0]} />)}
      {fact(t().images.platform, [Os, Architecture, Variant].filter(Boolean).join('/'))}
      {fact(t().common.created, Created && new Date(Created).toLocaleString(usePreferences().language))}
      {fact(t().detail.entrypoint, Config?.Entrypoint && <code>{Config.Entrypoint.join(' ')}</code>)}
      {fact(t().detail.command, Config?.Cmd && <code>{Config.Cmd.join(' ')}</code>)}
      {fact(t().detail.workingDir, Config?.WorkingDir)}
      {fact(t().detail.user, Config?.User)}
      {fact(t().common.ports, Object.keys(Config?.ExposedPorts ?? {}).join(', '))}
    </dl>
    <section class="section">
      <h2>{t().detail.environment}</h2>
      <ul class="plain">
        {(Config?.Env ?? []).map(each => (
          <li key={each}>
            <code>{each}</code>
          </li>
        ))}
      </ul>
    </section>
  </div>
);
