import { computed, defineComponent, ref } from 'vue';
import { dialog, type MenuItem } from '../components/index.ts';
import { t, useCompose, useContainers, useImages, useNetworks, useVolumes } from '../stores/index.ts';
import { projectMenu } from './compose/actions.ts';
import { containerMenu } from './containers/actions.ts';

export interface PaletteProps {
  places: readonly { path: string; label: string }[];
  go: (path: string) => void;
  close: () => void;
}

interface Command {
  label: string;
  run: () => void;
}

const most = 50;

/** Commands that were used, the latest first. */
let recent: string[] = [];
const keptRecent = 12;
function remember(label: string): void {
  recent = [label, ...recent.filter(each => each !== label)].slice(0, keptRecent);
}

/** What the menu of an object offers, with its name before. */
const commandsOf = (name: string, items: readonly MenuItem[]): Command[] =>
  items.filter(({ disabled }) => !disabled).map(({ label, run }) => ({ label: `${name}: ${label}`, run }));

/** Every place and every action by typing. */
export const Palette = defineComponent(
  (props: PaletteProps) => {
    const containers = useContainers();
    const compose = useCompose();
    const images = useImages();
    const volumes = useVolumes();
    const networks = useNetworks();
    const text = ref('');
    const at = ref(0);

    const commands = computed((): Command[] => {
      const texts = t().containers;
      const goTo = props.places.map(({ path, label }) => ({ label, run: () => props.go(path) }));
      const run = [
        { label: texts.run, run: () => props.go('/containers?run=') },
        { label: t().images.pull, run: () => props.go('/images?pull=') },
      ];
      const each = containers.rows.flatMap((row): Command[] => {
        const open = (tab: string): void => props.go(`/containers/${row.id}/${tab}`);
        return [
          { label: `${row.name}: ${t().common.details}`, run: () => open('overview') },
          ...commandsOf(
            row.name,
            containerMenu(row, open, () => undefined),
          ),
        ];
      });
      const objects = [
        ...compose.projects.flatMap((project): Command[] => [
          { label: `${project.name}: ${t().nav.compose}`, run: () => props.go(`/compose/${project.name}`) },
          { label: `${project.name}: ${texts.logs}`, run: () => props.go(`/compose/${project.name}/logs`) },
          ...commandsOf(project.name, projectMenu(project)),
        ]),
        ...images.items.flatMap(({ Id, RepoTags }) =>
          (RepoTags ?? []).map(name => ({
            label: `${name}: ${t().common.image}`,
            run: () => props.go(`/images/${Id}?name=${encodeURIComponent(name)}`),
          })),
        ),
        ...volumes.items.map(({ Name }) => ({
          label: `${Name}: ${t().palette.volume}`,
          run: () => props.go(`/volumes/${encodeURIComponent(Name)}`),
        })),
        ...networks.items.map(({ Id, Name }) => ({
          label: `${Name}: ${t().palette.network}`,
          run: () => props.go(`/networks/${Id}`),
        })),
      ];
      const place = ({ label }: Command): number => {
        const at = recent.indexOf(label);
        return at === -1 ? recent.length : at;
      };
      return [...goTo, ...run, ...each, ...objects].sort((a, b) => place(a) - place(b));
    });
    const found = computed(() => {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      return commands.value
        .filter(({ label }) => words.every(word => label.toLowerCase().includes(word)))
        .slice(0, most);
    });

    function choose(command: Command | undefined): void {
      props.close();
      if (command) remember(command.label);
      command?.run();
    }

    function onKeydown(event: KeyboardEvent): void {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      at.value = Math.max(0, Math.min(found.value.length - 1, at.value + step));
      document.getElementById(`command-${at.value}`)?.scrollIntoView({ block: 'nearest' });
    }

    const content = () => (
      <div>
        <input
          role="combobox"
          aria-expanded="true"
          aria-controls="commands"
          aria-activedescendant={`command-${at.value}`}
          aria-label={t().palette.hint}
          placeholder={t().palette.hint}
          data-autofocus="true"
          autocomplete="off"
          value={text.value}
          onInput={event => {
            text.value = (event.target as HTMLInputElement).value;
            at.value = 0;
          }}
          onKeydown={onKeydown}
        />
        <div class="options" id="commands" role="listbox" aria-label={t().palette.title}>
          {found.value.map((command, index) => (
            <div
              key={index}
              id={`command-${index}`}
              role="option"
              aria-selected={index === at.value}
              onClick={() => choose(command)}
            >
              {command.label}
            </div>
          ))}
        </div>
        {found.value.length === 0 && <p class="task soft">{t().palette.none}</p>}
      </div>
    );

    return () =>
      dialog({
        title: t().palette.title,
        open: true,
        close: props.close,
        class: 'palette',
        content,
        submit: () => choose(found.value[at.value]),
      });
  },
  { props: ['places', 'go', 'close'] },
);
