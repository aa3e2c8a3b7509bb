import { defineStore } from 'pinia';
import { computed, shallowRef, triggerRef } from 'vue';
import * as routes from '../../contracts/docker/container-routes.ts';
import type { ContainerCreateBody, ContainerInspect, ContainerSummary } from '../../contracts/docker/containers.ts';
import type { EventMessage } from '../../contracts/docker/events.ts';
import { type ContainerRow, containerRow } from '../model/index.ts';
import { engine } from './clients.ts';
import { useConnection } from './connection.ts';
import { useNotices } from './notices.ts';
import { t } from './preferences.ts';

export type ContainerAction = 'start' | 'stop' | 'restart' | 'pause' | 'unpause' | 'kill' | 'remove';

const actionRoutes = {
  start: routes.containerStart,
  stop: routes.containerStop,
  restart: routes.containerRestart,
  pause: routes.containerPause,
  unpause: routes.containerUnpause,
  kill: routes.containerKill,
} as const;

/** A container with this label is the window's own, for a moment: no list shows it. */
const helperLabel = 'dev.berth.helper';

/** Changes within so many milliseconds are read together. */
const gatherMs = 30;

/** All containers. Events name those that changed; only these are read again. */
export const useContainers = defineStore('containers', () => {
  const byId = shallowRef(new Map<string, ContainerRow>());
  const loaded = shallowRef(false);
  /** What is being done to which container. */
  const busy = shallowRef(new Map<string, ContainerAction>());
  const changed = new Set<string>();
  let gathering: ReturnType<typeof setTimeout> | undefined;

  const rowsOf = (list: readonly ContainerSummary[]): Map<string, ContainerRow> =>
    new Map(list.filter(({ Labels }) => !(helperLabel in Labels)).map(each => [each.Id, containerRow(each)]));

  async function readAll(): Promise<void> {
    const list = await engine.json(routes.containerList, { query: { all: true } });
    performance.mark('containers-read'); // what follows is our own: who measures begins here
    byId.value = rowsOf(list);
    loaded.value = true;
  }

  async function readChanged(): Promise<void> {
    gathering = undefined;
    const ids = [...changed];
    changed.clear();
    const list = await engine.json(routes.containerList, { query: { all: true, filters: { id: ids } } });
    const found = rowsOf(list);
    for (const id of ids) {
      const row = found.get(id);
      if (row) byId.value.set(id, row);
      else byId.value.delete(id);
    }
    triggerRef(byId);
  }

  function take({ Type, Action, Actor }: EventMessage): void {
    if (Type !== 'container' || Action.startsWith('exec_') || Action === 'top') return;
    changed.add(Actor.ID);
    // an engine that goes away meanwhile is told by its stream of events; then all is read anew
    if (gathering === undefined) gathering = setTimeout(() => void readChanged().catch(() => undefined), gatherMs);
  }

  function mark(id: string, action: ContainerAction | undefined): void {
    if (action) busy.value.set(id, action);
    else busy.value.delete(id);
    triggerRef(busy);
  }

  /** Does it, while the row says so; what fails is told. True when it worked. */
  async function act(id: string, action: ContainerAction): Promise<boolean> {
    mark(id, action);
    try {
      if (action === 'remove')
        await engine.json(routes.containerRemove, { path: { ref: id }, query: { force: true, v: true } });
      else await engine.json(actionRoutes[action], { path: { ref: id } });
      return true;
    } catch (error) {
      const texts = t().containers;
      const verb = action === 'unpause' ? texts.resume : action === 'remove' ? t().common.remove : texts[action];
      useNotices().add(`${verb} ${byId.value.get(id)?.name ?? id}`, error);
      return false;
    } finally {
      mark(id, undefined);
    }
  }

  const actOnAll = (ids: readonly string[], action: ContainerAction): Promise<boolean[]> =>
    Promise.all(ids.map(id => act(id, action)));

  /** Creates and starts it; its id. @throws EngineError, with kind not-found when the image is not here */
  async function run(name: string, body: ContainerCreateBody): Promise<string> {
    const { Id } = await engine.json(routes.containerCreate, { query: { name: name || undefined }, body });
    await engine.json(routes.containerStart, { path: { ref: Id } });
    return Id;
  }

  /**
   * Makes a container anew: the new one is there before the old one is stopped, and the old one comes back when the new one
   * does not start. The id of the new one. @throws EngineError in the engine's words; the old one is as it was then
   */
  async function recreate(old: ContainerInspect, name: string, body: ContainerCreateBody): Promise<string> {
    const { Id: oldId, Name, State } = old;
    const oldName = Name.slice(1);
    const start = (ref: string): Promise<unknown> => engine.json(routes.containerStart, { path: { ref } });
    const rename = (ref: string, to: string): Promise<unknown> =>
      engine.json(routes.containerRename, { path: { ref }, query: { name: to } });
    const { Id } = await engine.json(routes.containerCreate, { query: { name: `${oldName}.new` }, body });
    try {
      if (State.Running) await engine.json(routes.containerStop, { path: { ref: oldId } });
      if (State.Running) await start(Id);
      if (name === oldName) await rename(oldId, `${oldName}.old`).catch(() => undefined); // one that removed itself is gone
      await rename(Id, name);
    } catch (error) {
      await engine.json(routes.containerRemove, { path: { ref: Id }, query: { force: true } });
      await rename(oldId, oldName).catch(() => undefined);
      if (State.Running) await start(oldId);
      throw error;
    }
    // its volumes are the new one's now
    await engine.json(routes.containerRemove, { path: { ref: oldId }, query: { force: true } }).catch(() => undefined);
    return Id;
  }

  useConnection().follow(readAll, take);
  const rows = computed(() => [...byId.value.values()]);
  const running = computed(() => rows.value.filter(({ state }) => state === 'running' || state === 'paused'));
  const row = (id: string): ContainerRow | undefined => byId.value.get(id);
  return { rows, running, loaded, busy, row, act, actOnAll, run, recreate, helperLabel };
});
