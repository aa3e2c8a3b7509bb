import { computed, defineComponent, h, onMounted, ref } from 'vue';
import { messageOf } from '../../../contracts/errors.ts';
import { CodeEditor, languageOf } from '../../components/editor.ts';
import { button, dialog } from '../../components/index.ts';
import type { Owner } from '../../model/index.ts';
import { t } from '../../stores/index.ts';
import type { FileSource } from './source.ts';

/** A file that is not text is shown nowhere, and never written back. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return bytes.includes(0) ? undefined : new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** One text file, to read and to change. */
export const FileEditor = defineComponent(
  (props: { source: FileSource; path: string; close: () => void }) => {
    const saved = ref<string>();
    const text = ref('');
    const error = ref('');
    /** Whose it is: that stays. */
    let owner: Owner | undefined;
    const changed = computed(() => saved.value !== undefined && text.value !== saved.value);

    onMounted(async () => {
      try {
        const opened = await props.source.read(props.path);
        owner = opened;
        saved.value = textOf(opened.bytes);
        text.value = saved.value ?? '';
        if (saved.value === undefined) error.value = t().files.notText;
      } catch (failure) {
        error.value = messageOf(failure);
      }
    });

    async function save(): Promise<void> {
      const slash = props.path.lastIndexOf('/');
      const now = text.value;
      try {
        const bytes = new TextEncoder().encode(now);
        await props.source.write(props.path.slice(0, slash) || '/', props.path.slice(slash + 1), bytes, owner);
        saved.value = now;
        error.value = '';
      } catch (failure) {
        error.value = messageOf(failure);
      }
    }

    const content = () => (
      <div class="editor">
        {saved.value !== undefined &&
          h(CodeEditor, {
            text: text.value,
            language: languageOf(props.path),
            label: props.path,
            change: (now: string) => {
              text.value = now;
            },
            save: () => void save(),
          })}
        {error.value && (
          <p class="error-text" role="alert">
            {error.value}
          </p>
        )}
      </div>
    );

    return () =>
      dialog({
        title: props.path,
        open: true,
        close: props.close,
        class: 'large',
        content,
        footer: () => [
          <span class="grow soft" role="status">
            {changed.value ? t().files.unsaved : undefined}
          </span>,
          button({ label: t().common.close, onClick: props.close }),
          button({
            label: t().common.save,
            kind: 'primary',
            disabled: !changed.value,
            onClick: () => void save(),
          }),
        ],
      });
  },
  { props: ['source', 'path', 'close'] },
);
