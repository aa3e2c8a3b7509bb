import { Play } from '@lucide/vue';
import { defineComponent, h, onBeforeUnmount, onMounted, ref, shallowRef, type VNode } from 'vue';
import type { ComposeCheck } from '../../../contracts/bridge.ts';
import { messageOf } from '../../../contracts/errors.ts';
import { CodeEditor } from '../../components/editor.ts';
import { button, selectField, stateDot } from '../../components/index.ts';
import { bridge, type ComposeProject, t, useCompose, useNotices } from '../../stores/index.ts';
import { run } from './actions.ts';

/** Compose is asked when nobody has typed for so long, in milliseconds. */
const pauseMs = 400;

/** A project's file to read and to change; compose itself says whether it takes what is typed. */
export const ComposeFile = defineComponent(
  (props: { project: ComposeProject }) => {
    const compose = useCompose();
    const path = ref(props.project.files[0] ?? '');
    const saved = ref<string>();
    const text = ref('');
    const checked = shallowRef<ComposeCheck>();
    const error = ref('');
    let timer: ReturnType<typeof setTimeout> | undefined;

    async function read(): Promise<void> {
      saved.value = undefined;
      checked.value = undefined;
      error.value = '';
      try {
        text.value = await compose.read(path.value);
        saved.value = text.value;
        await check();
      } catch (failure) {
        error.value = messageOf(failure);
      }
    }
    async function check(): Promise<void> {
      const asked = text.value;
      const found = await compose.check(path.value, asked);
      if (asked === text.value) checked.value = found;
    }
    function change(now: string): void {
      text.value = now;
      checked.value = undefined;
      clearTimeout(timer);
      timer = setTimeout(() => void check().catch(() => undefined), pauseMs);
    }
    onMounted(() => {
      if (path.value !== '') void read();
    });
    onBeforeUnmount(() => clearTimeout(timer));

    async function save(): Promise<boolean> {
      const now = text.value;
      try {
        await bridge.call('saveComposeFile', { path: path.value, text: now });
        saved.value = now;
        compose.trust([path.value]); // it was before the user's eyes
        return true;
      } catch (failure) {
        useNotices().add(t().common.save, failure);
        return false;
      }
    }
    async function saveAndUp(): Promise<void> {
      if (await save()) run(props.project, 'up');
    }

    const verdict = (): VNode => {
      const texts = t().compose;
      const found = checked.value;
      if (!found) return <span class="soft">{texts.checking}</span>;
      return found.problem === '' ? (
        stateDot('running', texts.valid(found.services.length))
      ) : (
        <span class="error-text">{found.problem}</span>
      );
    };

    const foot = (): VNode => (
      <div class="toolbar editor-foot">
        <span class="grow" role="status">
          {verdict()}
        </span>
        {button({ label: t().common.save, disabled: text.value === saved.value, onClick: () => void save() })}
        {button({
          label: t().compose.saveAndUp,
          icon: Play,
          kind: 'primary',
          disabled: checked.value?.problem !== '' || compose.busy.has(props.project.name),
          onClick: () => void saveAndUp(),
        })}
      </div>
    );

    return () => {
      if (path.value === '') return <p class="body soft">{t().compose.noFile}</p>;
      return (
        <div class="view">
          <div class="toolbar">
            {props.project.files.length > 1 ? (
              selectField({
                id: 'compose-file',
                label: t().compose.file,
                hideLabel: true,
                value: path.value,
                choices: Object.fromEntries(props.project.files.map(file => [file, file])),
                change: file => {
                  path.value = file;
                  void read();
                },
              })
            ) : (
              <code class="soft ellipsis">{path.value}</code>
            )}
          </div>
          {error.value ? (
            <p class="error-text body">{error.value}</p>
          ) : (
            <div class="editor-body">
              {saved.value === undefined
                ? undefined
                : h(CodeEditor, {
                    text: text.value,
                    language: 'yaml' as const,
                    label: path.value,
                    change,
                    save: () => void save(),
                  })}
            </div>
          )}
          {foot()}
        </div>
      );
    };
  },
  { props: ['project'] },
);
