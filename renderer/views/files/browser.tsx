import { ArrowUp, Download, File, FilePlus, Folder, Link, Pencil, RefreshCw, Trash2, Upload } from '@lucide/vue';
import { computed, defineAsyncComponent, defineComponent, h, ref, shallowRef, type VNode, watch } from 'vue';
import { messageOf } from '../../../contracts/errors.ts';
import { button, fileButton, icon } from '../../components/index.ts';
import { byteSize, type FileEntry } from '../../model/index.ts';
import { saveFile, t, useAsking, useNotices } from '../../stores/index.ts';
import { type FileSource, mostOpened } from './source.ts';

const FileEditor = defineAsyncComponent(async () => (await import('./editor.tsx')).FileEditor);

const kindsOfChange = ['changed', 'added', 'deleted'] as const;
const deleted = 2;

/** Files to look at, edit, put in, take out and delete; what differs from the image is marked. */
export const FileBrowser = defineComponent(
  (props: { source: FileSource }) => {
    const path = ref('/');
    const entries = shallowRef<readonly FileEntry[]>([]);
    const changes = shallowRef<ReadonlyMap<string, number>>(new Map());
    const error = ref('');
    const busy = ref(false);
    const dropping = ref(false);
    /** The file that is open in the editor. */
    const opened = ref('');
    const inside = (name: string): string => `${path.value === '/' ? '' : path.value}/${name}`;

    async function read(): Promise<void> {
      const { source } = props;
      const folder = path.value;
      busy.value = true;
      try {
        const [found, changed] = await Promise.all([source.list(folder), source.changes?.() ?? new Map()]);
        if (folder !== path.value || source !== props.source) return;
        entries.value = found;
        changes.value = changed;
        error.value = '';
      } catch (failure) {
        entries.value = [];
        error.value = messageOf(failure);
      } finally {
        busy.value = false;
      }
    }
    watch([path, () => props.source], read, { immediate: true });

    /** What is not there any more is a line, too. */
    const lines = computed((): FileEntry[] => {
      const here = path.value === '/' ? '/' : `${path.value}/`;
      const there = new Set(entries.value.map(({ name }) => name));
      const gone = [...changes.value]
        .filter(([name, kind]) => kind === deleted && name.startsWith(here))
        .map(([name]) => name.slice(here.length))
        .filter(name => !name.includes('/') && !there.has(name));
      const none = { kind: 'other' as const, size: 0, modified: '', permissions: '', target: '' };
      return [...entries.value, ...gone.map(name => ({ name, ...none }))];
    });

    async function attempt(what: string, work: () => Promise<unknown>): Promise<void> {
      try {
        await work();
      } catch (failure) {
        useNotices().add(what, failure);
      }
    }
    const download = ({ name, kind }: FileEntry): Promise<void> =>
      attempt(`${t().common.download}: ${name}`, async () => {
        if (kind === 'folder') return props.source.download(inside(name), `${name}.tar`);
        const { bytes } = await props.source.read(inside(name));
        saveFile(new Blob([bytes]), name);
      });
    const upload = (file: globalThis.File): Promise<void> =>
      attempt(`${t().files.upload}: ${file.name}`, async () => {
        await props.source.write(path.value, file.name, await file.bytes());
        await read();
      });

    function askRemove({ name, kind }: FileEntry): void {
      const texts = t().files;
      useAsking().ask({
        title: texts.removeTitle(inside(name)),
        says: kind === 'folder' ? [texts.removeFolder] : [],
        verb: t().common.remove,
        danger: true,
        run: async () => {
          await props.source.remove(inside(name));
          await read();
        },
      });
    }

    function askNew(): void {
      const texts = t().files;
      useAsking().ask({
        title: texts.newFile,
        field: { label: t().common.name },
        verb: texts.newFile,
        run: async name => {
          await props.source.write(path.value, name, new Uint8Array(0));
          await read();
          opened.value = inside(name);
        },
      });
    }

    const actions = (entry: FileEntry): VNode[] => {
      const common = { iconOnly: true, kind: 'quiet' as const };
      const { name, kind, size } = entry;
      const edit = (): void => {
        opened.value = inside(name);
      };
      return [
        ...(kind === 'file' && size <= mostOpened
          ? [button({ ...common, label: `${t().files.edit} ${name}`, icon: Pencil, onClick: edit })]
          : []),
        ...(kind === 'file' || kind === 'folder'
          ? [
              button({
                ...common,
                label: `${t().common.download} ${name}`,
                icon: Download,
                onClick: () => void download(entry),
              }),
            ]
          : []),
        button({
          ...common,
          label: `${t().common.remove} ${name}`,
          icon: Trash2,
          onClick: () => askRemove(entry),
        }),
      ];
    };

    const line = (entry: FileEntry): VNode => {
      const change = kindsOfChange[changes.value.get(inside(entry.name)) ?? -1];
      const into = entry.kind === 'folder' || entry.kind === 'link';
      const opens = into || (entry.kind === 'file' && entry.size <= mostOpened);
      const go = (): void => {
        if (into) path.value = inside(entry.name);
        else opened.value = inside(entry.name);
      };
      const name = entry.target ? `${entry.name} → ${entry.target}` : entry.name;
      return (
        <tr key={entry.name} class={change}>
          <td>
            <span class="row">
              {icon(entry.kind === 'folder' ? Folder : entry.kind === 'link' ? Link : File)}
              {opens && change !== 'deleted' ? (
                <button type="button" class="link" onClick={go}>
                  {name}
                </button>
              ) : (
                <span>{name}</span>
              )}
              {change && <span class={['mark', change]}>{t().files.marks[change]}</span>}
            </span>
          </td>
          <td class="end">{entry.kind === 'file' ? byteSize(entry.size) : ''}</td>
          <td class="soft">{entry.modified}</td>
          <td>
            <code>{entry.permissions}</code>
          </td>
          <td class="end">{change === 'deleted' ? undefined : <span class="row tools">{actions(entry)}</span>}</td>
        </tr>
      );
    };

    const toolbar = (): VNode => {
      const texts = t().files;
      const parent = path.value.slice(0, path.value.lastIndexOf('/')) || '/';
      const go = (to: string): void => {
        path.value = to;
      };
      return (
        <div class="toolbar">
          {button({
            label: texts.up,
            icon: ArrowUp,
            iconOnly: true,
            disabled: path.value === '/',
            onClick: () => go(parent),
          })}
          <input
            class="grow mono"
            aria-label={texts.path}
            value={path.value}
            onChange={event => go((event.target as HTMLInputElement).value.replace(/\/+$/, '') || '/')}
          />
          {button({ label: t().common.refresh, icon: RefreshCw, iconOnly: true, onClick: () => void read() })}
          {button({ label: texts.newFile, icon: FilePlus, iconOnly: true, onClick: askNew })}
          {fileButton({
            label: texts.upload,
            icon: Upload,
            iconOnly: true,
            several: true,
            choose: file => void upload(file),
          })}
        </div>
      );
    };

    const table = (): VNode => (
      <table class="simple file-table">
        <thead>
          <tr>
            <th scope="col">{t().common.name}</th>
            <th scope="col" class="end">
              {t().common.size}
            </th>
            <th scope="col">{t().files.modified}</th>
            <th scope="col">{t().files.permissions}</th>
            <td />
          </tr>
        </thead>
        <tbody>{lines.value.map(line)}</tbody>
      </table>
    );

    function drop(event: DragEvent): void {
      event.preventDefault();
      dropping.value = false;
      for (const file of event.dataTransfer?.files ?? []) void upload(file);
    }

    return () => (
      <div class="view">
        {toolbar()}
        <div
          class={['body', dropping.value && 'dropping']}
          tabindex={0}
          role="region"
          aria-label={path.value}
          onDragover={event => {
            event.preventDefault();
            dropping.value = true;
          }}
          onDragleave={() => {
            dropping.value = false;
          }}
          onDrop={drop}
        >
          {error.value && <p class="error-text">{error.value}</p>}
          {!error.value && !busy.value && lines.value.length === 0 && <p class="soft">{t().files.empty}</p>}
          {lines.value.length > 0 && table()}
        </div>
        {opened.value !== '' &&
          h(FileEditor, {
            key: opened.value,
            source: props.source,
            path: opened.value,
            close: () => {
              opened.value = '';
              void read();
            },
          })}
      </div>
    );
  },
  { props: ['source'] },
);
