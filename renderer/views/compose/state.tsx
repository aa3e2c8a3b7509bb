import type { VNode } from 'vue';
import { stateDot } from '../../components/index.ts';
import { type ComposeProject, t, useCompose } from '../../stores/index.ts';

/** How a project is: a dot, and how many of its containers run. */
export function projectState({ name, running, containers }: ComposeProject): VNode {
  const texts = t().compose;
  const busy = useCompose().busy.get(name);
  if (busy) return stateDot('warning', `${texts.actions[busy]}…`);
  const kind = running === 0 ? 'stopped' : running < containers.length ? 'warning' : 'running';
  return stateDot(kind, containers.length === 0 ? texts.notThere : texts.runs(running, containers.length));
}
