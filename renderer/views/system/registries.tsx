import { defineComponent, onMounted, reactive, ref, shallowRef, type VNode } from 'vue';
import type { LogInDocument } from '../../../contracts/bridge.ts';
import { messageOf } from '../../../contracts/errors.ts';
import { button, textField } from '../../components/index.ts';
import { bridge, t, useNotices } from '../../stores/index.ts';

const hub = 'https://index.docker.io/v1/';

/** Who is logged in where: kept by the `docker` command, used for what this window pulls and pushes. */
export const Registries = defineComponent(() => {
  const logIns = shallowRef<readonly LogInDocument[]>([]);
  const form = reactive({ registry: '', user: '', secret: '' });
  const problem = ref('');
  const busy = ref(false);

  const read = async (): Promise<void> => {
    ({ logIns: logIns.value } = await bridge.call('logIns', {}));
  };
  const told = (error: unknown): void => useNotices().add(t().registries.title, error);
  onMounted(() => void read().catch(told));

  async function logIn(): Promise<void> {
    busy.value = true;
    problem.value = '';
    try {
      await bridge.call('logIn', { ...form, registry: form.registry.trim() || 'docker.io' });
      Object.assign(form, { registry: '', user: '', secret: '' });
      await read();
    } catch (error) {
      problem.value = messageOf(error);
      form.secret = '';
    } finally {
      busy.value = false;
    }
  }
  const logOut = (registry: string): void => void bridge.call('logOut', { registry }).then(read).catch(told);

  const line = ({ registry, user }: LogInDocument): VNode => (
    <li key={registry} class="row">
      <code class="grow">{registry === hub ? 'docker.io' : registry}</code>
      <span class="soft">{user}</span>
      {button({ label: t().registries.logOut, kind: 'quiet', onClick: () => logOut(registry) })}
    </li>
  );

  return () => {
    const texts = t().registries;
    const field = (key: keyof typeof form, label: string, hint = ''): VNode =>
      textField({
        ...{ id: `log-in-${key}`, label, hint, value: form[key], secret: key === 'secret' },
        change: value => {
          form[key] = value;
        },
      });
    return (
      <section class="section">
        <h2>{texts.title}</h2>
        <p class="soft">{texts.hint}</p>
        {logIns.value.length > 0 && <ul class="plain">{logIns.value.map(line)}</ul>}
        <form
          class="fields three"
          onSubmit={event => {
            event.preventDefault();
            void logIn();
          }}
        >
          {field('registry', texts.registry, texts.registryHint)}
          {field('user', texts.user)}
          {field('secret', texts.secret, texts.secretHint)}
          <div class="row wide">
            {button({
              label: texts.logIn,
              submit: true,
              disabled: busy.value || form.user === '' || form.secret === '',
              onClick: () => undefined,
            })}
            <span class="error-text" role="alert">
              {problem.value}
            </span>
          </div>
        </form>
      </section>
    );
  };
});
