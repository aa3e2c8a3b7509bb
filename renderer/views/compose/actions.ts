import { CircleMinus, Download, Hammer, Play, RotateCw, Square, Trash2 } from '@lucide/vue';
import type { ComposeAction } from '../../../contracts/bridge.ts';
import type { MenuItem } from '../../components/index.ts';
import { type ComposeProject, t, useAsking, useCompose, useTasks } from '../../stores/index.ts';

/** What makes containers of what a file says. */
const fromFile: readonly ComposeAction[] = ['up', 'pull', 'build'];

/** Asks first, when the file is known only by labels of containers: it may give them any folder of this computer. */
export function run(project: ComposeProject, action: ComposeAction): void {
  if (!fromFile.includes(action) || useCompose().trusts(project.files)) begin(project, action);
  else askTrust(project, action);
}

function askTrust(project: ComposeProject, action: ComposeAction): void {
  const texts = t().compose;
  useAsking().ask({
    title: texts.trustTitle(project.name),
    says: [project.files.join(', '), texts.trustText],
    verb: texts.actions[action],
    run: () => {
      useCompose().trust(project.files);
      begin(project, action);
    },
  });
}

/** Its task tells how it goes. */
function begin(project: ComposeProject, action: ComposeAction): void {
  const title = t().compose.task(t().compose.actions[action], project.name);
  useTasks().quietly(title, useCompose().run(project, action));
}

export function askOpen(opened: (project: string) => void): void {
  const texts = t().compose;
  useAsking().ask({
    title: texts.open,
    field: { label: texts.path, hint: texts.pathHint },
    verb: texts.open,
    run: async path => opened(await useCompose().open(path)),
  });
}

/** The containers go, and with them what was written into them; volumes only when that is said. */
function askDown(project: ComposeProject): void {
  const texts = t().compose;
  useAsking().ask({
    title: texts.downTitle(project.name),
    says: [texts.downText(project.containers.length)],
    option: { label: texts.downVolumes },
    verb: texts.actions.down,
    danger: true,
    run: (_text, volumes) => run(project, volumes ? 'remove' : 'down'),
  });
}

/** What can be done with a project; without its file only what needs none. */
export function projectMenu(project: ComposeProject): MenuItem[] {
  const texts = t().compose;
  const noFile = project.files.length === 0;
  const idle = project.running === 0;
  const item = (action: ComposeAction, icon: MenuItem['icon'], disabled: boolean): MenuItem => ({
    label: texts.actions[action],
    icon,
    disabled: disabled || useCompose().busy.has(project.name),
    run: () => run(project, action),
  });
  return [
    item('up', Play, noFile),
    item('restart', RotateCw, idle),
    item('stop', Square, idle),
    item('pull', Download, noFile),
    item('build', Hammer, noFile),
    {
      ...item('down', Trash2, project.containers.length === 0),
      danger: true,
      run: () => askDown(project),
    },
    {
      label: texts.forget,
      icon: CircleMinus,
      disabled: project.containers.length > 0,
      run: () => useCompose().forget(project.name),
    },
  ];
}
