import { RotateCcw } from '@lucide/vue';
import { computed, defineComponent, h, onMounted, ref, shallowRef, type VNode } from 'vue';
import { useRouter } from 'vue-router';
import { containerChanges } from '../../../contracts/docker/container-routes.ts';
import type { ContainerInspect } from '../../../contracts/docker/containers.ts';
import { imageInspect } from '../../../contracts/docker/image-routes.ts';
import { messageOf } from '../../../contracts/errors.ts';
import { button } from '../../components/index.ts';
import { changedFields, editedBody, formOf, problemsOf, type RunForm } from '../../model/index.ts';
import { engine, t, useContainers } from '../../stores/index.ts';
import { RunFields } from './run-fields.tsx';

/** A container's settings to change: it is made anew with them, after what that means has been shown. */
export const Edit = defineComponent(
  (props: { document: ContainerInspect }) => {
    const containers = useContainers();
    const router = useRouter();
    const before = shallowRef<RunForm>();
    const form = shallowRef<RunForm>();
    const lost = ref(0);
    const busy = ref(false);
    const error = ref('');
    const problems = computed(() => (form.value ? problemsOf(form.value) : {}));
    const changes = computed(() => (before.value && form.value ? changedFields(before.value, form.value) : []));

    onMounted(async () => {
      const path = { ref: props.document.Id };
      const [image, differences] = await Promise.all([
        engine.json(imageInspect, { path: { name: props.document.Image } }).catch(() => undefined),
        engine.json(containerChanges, { path }).catch(() => null),
      ]);
      lost.value = differences?.length ?? 0;
      before.value = formOf(props.document, image?.Config?.Env ?? [], image?.Config?.Cmd ?? []);
      form.value = before.value;
    });

    async function apply(): Promise<void> {
      if (!form.value || !before.value) return;
      busy.value = true;
      error.value = '';
      try {
        const body = editedBody(props.document, form.value, before.value);
        const id = await containers.recreate(props.document, form.value.name, body);
        void router.replace(`/containers/${id}/overview`);
      } catch (failure) {
        error.value = messageOf(failure);
      } finally {
        busy.value = false;
      }
    }

    const preview = (): VNode | undefined => {
      const texts = t().edit;
      if (changes.value.length === 0) return <p class="soft">{texts.unchanged}</p>;
      const running = props.document.State.Running;
      return (
        <div class="section">
          <h2>{texts.preview}</h2>
          <table class="simple">
            <thead>
              <tr>
                <th scope="col">{texts.setting}</th>
                <th scope="col">{texts.from}</th>
                <th scope="col">{texts.to}</th>
              </tr>
            </thead>
            <tbody>
              {changes.value.map(({ field, from, to }) => (
                <tr key={field}>
                  <td>{texts.fields[field]}</td>
                  <td class="mono soft pre">{from || '–'}</td>
                  <td class="mono pre">{to || '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p>{running ? texts.meansRunning : texts.meansStopped}</p>
          {lost.value > 0 ? <p class="error-text">{texts.lost(lost.value)}</p> : undefined}
        </div>
      );
    };

    return () => (
      <div class="body" tabindex={0}>
        {form.value &&
          h(RunFields, {
            form: form.value,
            tried: true,
            change: (now: RunForm) => {
              form.value = now;
            },
          })}
        <div class="section">
          {preview()}
          {error.value && (
            <p class="error-text" role="alert">
              {error.value}
            </p>
          )}
          <div class="row">
            {button({
              label: busy.value ? t().edit.busy : t().edit.apply,
              kind: 'primary',
              disabled: busy.value || changes.value.length === 0 || Object.keys(problems.value).length > 0,
              onClick: () => void apply(),
            })}
            {button({
              label: t().edit.reset,
              icon: RotateCcw,
              disabled: changes.value.length === 0,
              onClick: () => {
                form.value = before.value;
              },
            })}
          </div>
        </div>
      </div>
    );
  },
  { props: ['document'] },
);
