import { computed, defineComponent, shallowRef, type VNode, watch } from 'vue';
import { imageInspect } from '../../../contracts/docker/image-routes.ts';
import type { ImageInspect } from '../../../contracts/docker/images.ts';
import { button, checkField, selectField, textField } from '../../components/index.ts';
import { problemsOf, type RunForm } from '../../model/index.ts';
import { engine, t, useImages, useNetworks } from '../../stores/index.ts';

type TextField = { [Key in keyof RunForm]: RunForm[Key] extends string ? Key : never }[keyof RunForm];

/** The fields of a container that is made, or made anew; each says what is wrong with it while it is typed. */
export const RunFields = defineComponent(
  (props: { form: RunForm; change: (form: RunForm) => void; tried: boolean }) => {
    const images = useImages();
    const networks = useNetworks();
    const image = shallowRef<ImageInspect>();
    const problems = computed(() => problemsOf(props.form));
    const names = computed(() => images.items.flatMap(({ RepoTags }) => RepoTags ?? []));
    const exposed = computed(() => Object.keys(image.value?.Config?.ExposedPorts ?? {}));
    const set = (part: Partial<RunForm>): void => props.change({ ...props.form, ...part });

    watch(() => props.form.image, lookUp, { immediate: true });

    /** What the image would run and publish, if it is here. */
    async function lookUp(name: string): Promise<void> {
      image.value = undefined;
      const tagged = /[:@][^/]*$/.test(name) ? name : `${name}:latest`;
      if (!names.value.includes(tagged)) return;
      const found = await engine.json(imageInspect, { path: { name } }).catch(() => undefined);
      if (props.form.image === name) image.value = found;
    }

    const field = (
      name: TextField,
      label: string,
      hint: string,
      more: { lines?: number; list?: string[]; focus?: boolean; wide?: boolean } = {},
    ): VNode => {
      const problem = problems.value[name];
      const shown = problem && (props.tried || props.form[name] !== '') ? t().run.problems[problem] : undefined;
      const change = (value: string): void => set({ [name]: value });
      return textField({ id: `run-${name}`, label, hint, value: props.form[name], change, problem: shown, ...more });
    };

    const publish = (): VNode | undefined => {
      if (exposed.value.length === 0 || props.form.ports !== '') return undefined;
      return (
        <p class="row wide">
          {t().run.exposes(exposed.value.join(', '))}
          {button({
            label: t().run.publish,
            onClick: () => set({ ports: exposed.value.map(port => `${port.split('/')[0]}:${port}`).join('\n') }),
          })}
        </p>
      );
    };

    const choices = (): VNode[] => {
      const texts = t().run;
      const { network, restart, autoRemove, terminal } = props.form;
      const all = ['', ...networks.items.map(({ Name }) => Name), network];
      const networkNames = Object.fromEntries(all.map(name => [name, name || 'bridge'])) as Record<string, string>;
      return [
        selectField({
          id: 'run-network',
          label: texts.network,
          value: network,
          choices: networkNames,
          change: chosen => set({ network: chosen }),
        }),
        selectField({
          id: 'run-restart',
          label: texts.restart,
          value: restart,
          choices: texts.restartNames,
          change: chosen => set({ restart: chosen }),
        }),
        field('memory', texts.memory, texts.noLimit),
        field('cpus', texts.cpus, texts.noLimit),
        checkField(texts.autoRemove, autoRemove, is => set({ autoRemove: is })),
        checkField(texts.tty, terminal, is => set({ terminal: is })),
      ];
    };

    return () => {
      const texts = t().run;
      const command = image.value?.Config?.Cmd?.join(' ');
      const { restart } = problems.value;
      return (
        <div class="fields">
          {field('image', texts.image, texts.imageHint, { list: names.value, focus: true, wide: true })}
          {field('name', texts.name, texts.nameHint)}
          {field('command', texts.command, command ? texts.imageCommand(command) : texts.commandHint)}
          {publish()}
          {field('ports', texts.ports, texts.portsHint, { lines: 2 })}
          {field('env', texts.env, texts.envHint, { lines: 2 })}
          {field('mounts', texts.mounts, texts.mountsHint, { lines: 2, wide: true })}
          {choices()}
          {restart ? <p class="error-text wide">{texts.problems[restart]}</p> : undefined}
        </div>
      );
    };
  },
  { props: ['form', 'change', 'tried'] },
);
