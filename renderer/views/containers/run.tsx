import { computed, defineComponent, ref, shallowRef, type VNode, watch } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import { imageInspect } from '../../../contracts/docker/image-routes.ts';
import type { ImageInspect } from '../../../contracts/docker/images.ts';
import { EngineError, messageOf } from '../../../contracts/errors.ts';
import { button, checkField, dialog, progressBar, selectField, textField } from '../../components/index.ts';
import { createBody, emptyRunForm, problemsOf, type RunForm, wholeProgress } from '../../model/index.ts';
import { engine, t, useContainers, useImages, useNetworks, useTasks } from '../../stores/index.ts';

type TextField = { [Key in keyof RunForm]: RunForm[Key] extends string ? Key : never }[keyof RunForm];

/** Asks what to run, checks it while it is typed, pulls the image when it is not here, and opens the new container. */
export const RunDialog = defineComponent(() => {
  const route = useRoute();
  const router = useRouter();
  const containers = useContainers();
  const images = useImages();
  const networks = useNetworks();
  const tasks = useTasks();
  const form = ref<RunForm>({ ...emptyRunForm, image: String(route.query.run || '') });
  const tried = ref(false);
  const busy = ref(false);
  const failure = ref('');
  const image = shallowRef<ImageInspect>();
  const problems = computed(() => problemsOf(form.value));
  const names = computed(() => images.items.flatMap(({ RepoTags }) => RepoTags ?? []));
  const exposed = computed(() => Object.keys(image.value?.Config?.ExposedPorts ?? {}));

  watch(() => form.value.image, lookUp, { immediate: true });

  /** What the image would run and publish, if it is here. */
  async function lookUp(name: string): Promise<void> {
    image.value = undefined;
    const tagged = /[:@][^/]*$/.test(name) ? name : `${name}:latest`;
    if (!names.value.includes(tagged)) return;
    const found = await engine.json(imageInspect, { path: { name } }).catch(() => undefined);
    if (form.value.image === name) image.value = found;
  }

  const close = (): void => void router.replace({ query: {} });

  async function submit(): Promise<void> {
    tried.value = true;
    if (busy.value || Object.keys(problems.value).length > 0) return;
    busy.value = true;
    failure.value = '';
    try {
      const id = await create();
      void router.push(`/containers/${id}/logs`);
    } catch (error) {
      failure.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  }

  async function create(): Promise<string> {
    const body = createBody(form.value);
    try {
      return await containers.run(form.value.name, body);
    } catch (error) {
      const missing = error instanceof EngineError && error.kind === 'not-found' && error.message.includes('image');
      if (!missing) throw error;
      await tasks.pull(form.value.image);
      return containers.run(form.value.name, body);
    }
  }

  const field = (
    name: TextField,
    label: string,
    hint: string,
    more: { lines?: number; list?: string[]; focus?: boolean; wide?: boolean } = {},
  ): VNode => {
    const problem = problems.value[name];
    const shown = problem && (tried.value || form.value[name] !== '') ? t().run.problems[problem] : undefined;
    const change = (value: string): void => {
      form.value = { ...form.value, [name]: value };
    };
    return textField({ id: `run-${name}`, label, hint, value: form.value[name], change, problem: shown, ...more });
  };

  const publish = (): VNode | undefined => {
    if (exposed.value.length === 0 || form.value.ports !== '') return undefined;
    return (
      <p class="row wide">
        {t().run.exposes(exposed.value.join(', '))}
        {button({
          label: t().run.publish,
          onClick: () => {
            const ports = exposed.value.map(port => `${port.split('/')[0]}:${port}`);
            form.value = { ...form.value, ports: ports.join('\n') };
          },
        })}
      </p>
    );
  };

  const content = (): VNode => {
    const texts = t().run;
    const command = image.value?.Config?.Cmd?.join(' ');
    const networkNames = Object.fromEntries([
      ['', 'bridge'],
      ...networks.items.map(({ Name }) => [Name, Name]),
    ]) as Record<string, string>;
    const set = (part: Partial<RunForm>): void => {
      form.value = { ...form.value, ...part };
    };
    return (
      <div class="fields">
        {field('image', texts.image, texts.imageHint, { list: names.value, focus: true, wide: true })}
        {field('name', texts.name, texts.nameHint)}
        {field('command', texts.command, command ? `${texts.commandHint} (${command})` : texts.commandHint)}
        {publish()}
        {field('ports', texts.ports, texts.portsHint, { lines: 2 })}
        {field('env', texts.env, texts.envHint, { lines: 2 })}
        {field('mounts', texts.mounts, texts.mountsHint, { lines: 2, wide: true })}
        {selectField({
          id: 'run-network',
          label: texts.network,
          value: form.value.network,
          choices: networkNames,
          change: network => set({ network }),
        })}
        {selectField({
          id: 'run-restart',
          label: texts.restart,
          value: form.value.restart,
          choices: texts.restartNames,
          change: restart => set({ restart }),
        })}
        {field('memory', texts.memory, texts.noLimit)}
        {field('cpus', texts.cpus, texts.noLimit)}
        {checkField(texts.autoRemove, form.value.autoRemove, autoRemove => set({ autoRemove }))}
        {checkField(texts.tty, form.value.terminal, terminal => set({ terminal }))}
        {problems.value.restart && <p class="error-text wide">{texts.problems[problems.value.restart]}</p>}
        {pulling()}
        {failure.value && (
          <p class="error-text wide" role="alert">
            {failure.value}
          </p>
        )}
      </div>
    );
  };

  const pulling = (): VNode | undefined => {
    const task = tasks.tasks.findLast(
      ({ title, state }) => title === t().tasks.pull(form.value.image) && state === 'running',
    );
    if (!task || !busy.value) return undefined;
    return (
      <div class="wide section">
        <p>{task.title}</p>
        {progressBar(wholeProgress(task.progress), task.title)}
      </div>
    );
  };

  return () =>
    dialog({
      title: t().run.title,
      open: true,
      close,
      submit: () => void submit(),
      content,
      footer: () => [
        button({ label: t().common.cancel, onClick: close }),
        button({
          label: busy.value ? t().run.running : t().run.go,
          kind: 'primary',
          submit: true,
          disabled: busy.value,
          onClick: () => undefined,
        }),
      ],
    });
});
