import { Layers } from '@lucide/vue';
import { computed, defineComponent, onBeforeUnmount, ref, shallowRef, type VNode } from 'vue';
import { imageSave } from '../../../contracts/docker/image-routes.ts';
import { messageOf } from '../../../contracts/errors.ts';
import type { OpenStream } from '../../bridge/index.ts';
import { button, progressBar, searchField } from '../../components/index.ts';
import {
  byteSize,
  type ImageFiles,
  ImageReader,
  type LayerFile,
  type LayerFiles,
  matchingRows,
} from '../../model/index.ts';
import { engine, t } from '../../stores/index.ts';

/** Of each layer so many files are shown; the search finds the others. */
const mostShown = 200;
/** Images up to this size are read without asking, in bytes. */
const readAtOnce = 32 << 20;

/** The files that each layer of an image adds, changes and removes, and what is wasted. */
export const LayerFilesView = defineComponent(
  (props: { name: string; size: number }) => {
    const files = shallowRef<ImageFiles>();
    const read = ref(-1);
    const error = ref('');
    const search = ref('');
    let stream: OpenStream | undefined;

    function begin(): void {
      const reader = new ImageReader();
      read.value = 0;
      stream = engine.open(
        imageSave,
        { path: { name: props.name } },
        {
          bytes: part => {
            reader.push(part);
            read.value += part.length;
          },
          ended: failure => {
            read.value = -1;
            if (failure) error.value = messageOf(failure);
            else
              reader.finish().then(
                found => {
                  files.value = found;
                },
                (reason: unknown) => {
                  error.value = messageOf(reason);
                },
              );
          },
        },
      );
    }
    if (props.size <= readAtOnce) begin();
    onBeforeUnmount(() => stream?.cancel());

    const shown = computed(() =>
      (files.value?.layers ?? []).map(layer => ({
        layer,
        found: matchingRows(layer.files, search.value, ({ path, change }) => `${path} ${change}`).sort(
          (a, b) => b.size - a.size || (a.path < b.path ? -1 : 1),
        ),
      })),
    );

    const line = ({ path, size, change }: LayerFile): VNode => (
      <tr key={path} class={change}>
        <td>
          <span class="row">
            <code>/{path}</code>
            {change === 'added' ? undefined : <span class={['mark', change]}>{t().files.marks[change]}</span>}
          </span>
        </td>
        <td class="end">{size > 0 ? byteSize(size) : ''}</td>
      </tr>
    );

    const layer = ({ digest, command, files: all, size }: LayerFiles, found: LayerFile[], index: number): VNode => {
      const count = (change: LayerFile['change']): number => all.filter(file => file.change === change).length;
      return (
        <details class="step" key={`${index} ${digest}`} open={search.value !== '' && found.length > 0}>
          <summary>
            <span class="row">
              <code class="grow ellipsis" title={command}>
                {command || digest.slice(0, 12)}
              </code>
              <span class="soft number">{byteSize(size)}</span>
            </span>
            <span class="soft">{t().images.layerFiles(count('added'), count('changed'), count('deleted'))}</span>
          </summary>
          <table class="simple">
            <tbody>{found.slice(0, mostShown).map(line)}</tbody>
          </table>
          {found.length > mostShown ? <p class="soft">{t().images.moreFiles(found.length - mostShown)}</p> : undefined}
        </details>
      );
    };

    return () => {
      const texts = t().images;
      if (error.value) return <p class="body error-text">{error.value}</p>;
      if (read.value >= 0)
        return (
          <div class="body section">
            <p role="status">{texts.reading(byteSize(read.value))}</p>
            {progressBar(props.size > 0 ? read.value / props.size : undefined, texts.files)}
          </div>
        );
      if (!files.value)
        return (
          <div class="body">
            {button({ label: texts.readLayers(byteSize(props.size)), icon: Layers, onClick: begin })}
          </div>
        );
      return (
        <div class="view">
          <div class="toolbar">
            {searchField(texts.searchFiles, search.value, value => {
              search.value = value;
            })}
            <span class={files.value.wasted > 0 ? 'error-text' : 'soft'}>
              {files.value.wasted > 0 ? texts.wasted(byteSize(files.value.wasted)) : texts.noWaste}
            </span>
          </div>
          <div class="body" tabindex={0}>
            {shown.value.map(({ layer: each, found }, index) => layer(each, found, index))}
          </div>
        </div>
      );
    };
  },
  { props: ['name', 'size'] },
);
