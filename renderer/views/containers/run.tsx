import { computed, defineComponent, h, ref, type VNode } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import { EngineError, messageOf } from '../../../contracts/errors.ts';
import { button, dialog, progressBar } from '../../components/index.ts';
import { createBody, emptyRunForm, problemsOf, type RunForm, wholeProgress } from '../../model/index.ts';
import { t, useContainers, useTasks } from '../../stores/index.ts';
import { RunFields } from './run-fields.tsx';

/** Asks what to run, checks it while it is typed, pulls the image when it is not here, and opens the new container. */
export const RunDialog = defineComponent(() => {
  const route = useRoute();
  const router = useRouter();
  const containers = useContainers();
  const tasks = useTasks();
  const form = ref<RunForm>({ ...emptyRunForm, image: String(route.query.run || '') });
  const tried = ref(false);
  const busy = ref(false);
  const failure = ref('');
  const problems = computed(() => problemsOf(form.value));

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

  const content = (): VNode[] => [
    h(RunFields, {
      form: form.value,
      tried: tried.value,
      change: (now: RunForm) => {
        form.value = now;
      },
    }),
    <div>
      {pulling()}
      {failure.value && (
        <p class="error-text" role="alert">
          {failure.value}
        </p>
      )}
    </div>,
  ];

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
