import { ArrowUp, Download, File, Folder, Link, RefreshCw, Upload } from '@lucide/vue';
import { computed, defineComponent, ref, shallowRef, type VNode, watch } from 'vue';
import type { TerminalEnd } from '../../../contracts/bridge.ts';
import { archiveRead, archiveWrite } from '../../../contracts/docker/container-routes.ts';
import { messageOf } from '../../../contracts/errors.ts';
import { button, icon } from '../../components/index.ts';
import { byteSize, type FileEntry, firstFileOf, parseFileList, tarOf } from '../../model/index.ts';
import { bridge, engine, t, useContainers, useNotices } from '../../stores/index.ts';

/** Wide enough that no name is broken. */
const columns = 1000;

/** What `ls` in the container says of a folder. @throws Error in its words */
function listFolder(container: string, path: string): Promise<FileEntry[]> {
  const { promise, resolve, reject } = Promise.withResolvers<FileEntry[]>();
  const text = new TextDecoder();
  let output = '';
  let code: number | null = 0;
  const request = { container, command: ['ls', '-lA', '--full-time', '--', path], user: undefined, rows: 24, columns };
  bridge.open('terminal', request, {
    bytes: bytes => {
      output += text.decode(bytes, { stream: true });
    },
    item: item => {
      code = (item as TerminalEnd).exitCode;
    },
    ended: error => {
      const entries = parseFileList(output);
      if (error) reject(error);
      else if (code !== 0 && entries.length === 0) reject(new Error(output.trim()));
      else resolve(entries);
    },
  });
  return promise;
}

/** The files of a running container: look, download, upload. */
export const Files = defineComponent(
  (props: { id: string; name: string }) => {
    const path = ref('/');
    const entries = shallowRef<FileEntry[]>([]);
    const error = ref('');
    const chooser = ref<HTMLInputElement | null>(null);
    const containers = useContainers();
    const running = computed(() => containers.row(props.id)?.state === 'running');
    const inside = (name: string): string => `${path.value === '/' ? '' : path.value}/${name}`;

    async function read(): Promise<void> {
      if (!running.value) return;
      try {
        entries.value = await listFolder(props.id, `${path.value === '/' ? '' : path.value}/`);
        error.value = '';
      } catch (failure) {
        entries.value = [];
        error.value = messageOf(failure);
      }
    }
    watch([path, running], read, { immediate: true });

    async function download(name: string): Promise<void> {
      try {
        const tar = await engine.collect(archiveRead, { path: { ref: props.id }, query: { path: inside(name) } })
          .promise;
        const link = document.createElement('a');
        link.href = URL.createObjectURL(new Blob([new Uint8Array(firstFileOf(tar) ?? new Uint8Array())]));
        link.download = name;
        link.click();
        URL.revokeObjectURL(link.href);
      } catch (failure) {
        useNotices().add(`${t().common.download}: ${name}`, failure);
      }
    }

    async function upload(file: File): Promise<void> {
      try {
        const tar = tarOf(file.name, new Uint8Array(await file.arrayBuffer()));
        await engine.collect(archiveWrite, { path: { ref: props.id }, query: { path: path.value } }, tar).promise;
        await read();
      } catch (failure) {
        useNotices().add(`${t().files.upload}: ${file.name}`, failure);
      }
    }

    const line = (entry: FileEntry): VNode => {
      const into = entry.kind === 'folder' || entry.kind === 'link';
      const name = entry.target ? `${entry.name} → ${entry.target}` : entry.name;
      return (
        <tr key={entry.name}>
          <td>
            <span class="row">
              {icon(entry.kind === 'folder' ? Folder : entry.kind === 'link' ? Link : File)}
              {into ? (
                <button
                  type="button"
                  class="tab"
                  style={{ padding: 0 }}
                  onClick={() => {
                    path.value = inside(entry.name);
                  }}
                >
                  {name}
                </button>
              ) : (
                name
              )}
            </span>
          </td>
          <td class="end">{entry.kind === 'file' ? byteSize(entry.size) : ''}</td>
          <td>{entry.modified}</td>
          <td>
            <code>{entry.permissions}</code>
          </td>
          <td class="end">
            {entry.kind === 'file'
              ? button({
                  label: `${t().common.download} ${entry.name}`,
                  icon: Download,
                  iconOnly: true,
                  kind: 'quiet',
                  onClick: () => void download(entry.name),
                })
              : undefined}
          </td>
        </tr>
      );
    };

    return () => {
      const texts = t().files;
      if (!running.value) return <div class="body soft">{texts.stopped}</div>;
      const parent = path.value.slice(0, path.value.lastIndexOf('/')) || '/';
      return (
        <div class="view">
          <div class="toolbar" style={{ padding: '8px 16px' }}>
            {button({
              label: texts.up,
              icon: ArrowUp,
              iconOnly: true,
              disabled: path.value === '/',
              onClick: () => {
                path.value = parent;
              },
            })}
            <input
              class="grow mono"
              aria-label={texts.path}
              value={path.value}
              onChange={event => {
                path.value = (event.target as HTMLInputElement).value.replace(/\/+$/, '') || '/';
              }}
            />
            {button({ label: t().common.refresh, icon: RefreshCw, iconOnly: true, onClick: () => void read() })}
            {button({ label: texts.upload, icon: Upload, iconOnly: true, onClick: () => chooser.value?.click() })}
            <input
              ref={chooser}
              type="file"
              hidden
              aria-label={texts.upload}
              onChange={event => {
                const file = (event.target as HTMLInputElement).files?.[0];
                if (file) void upload(file);
              }}
            />
          </div>
          <div class="body" tabindex={0}>
            {error.value && <p class="error-text">{error.value}</p>}
            {!error.value && entries.value.length === 0 && <p class="soft">{texts.empty}</p>}
            {entries.value.length > 0 && (
              <table class="simple">
                <thead>
                  <tr>
                    <th scope="col">{t().common.name}</th>
                    <th scope="col" class="end">
                      {t().common.size}
                    </th>
                    <th scope="col">{texts.modified}</th>
                    <th scope="col">{texts.permissions}</th>
                    <td />
                  </tr>
                </thead>
                <tbody>{entries.value.map(line)}</tbody>
              </table>
            )}
          </div>
        </div>
      );
    };
  },
  { props: ['id', 'name'] },
);
