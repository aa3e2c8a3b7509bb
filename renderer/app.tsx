import {
  Boxes,
  CircleHelp,
  Combine,
  Container,
  Gauge,
  Hammer,
  HardDrive,
  Layers,
  ListTodo,
  Network,
  PanelLeft,
  Server,
  Settings,
  Stethoscope,
  TriangleAlert,
  X,
} from '@lucide/vue';
import { PopoverContent, PopoverPortal, PopoverRoot, PopoverTrigger } from 'reka-ui';
import { computed, defineComponent, h, onBeforeUnmount, onMounted, ref, type VNode } from 'vue';
import { RouterLink, RouterView, useRouter } from 'vue-router';
import { button, dialog, icon, prose, stateDot } from './components/index.ts';
import { t, useConnection, useContainers, useNotices, usePreferences, useTasks } from './stores/index.ts';
import { askDialog } from './views/asking.tsx';
import { askLoad } from './views/images/actions.ts';
import { Palette } from './views/palette.tsx';
import { tasksPanel } from './views/tasks.tsx';

const places = [
  { path: '/overview', name: 'overview', icon: Gauge },
  { path: '/containers', name: 'containers', icon: Container },
  { path: '/compose', name: 'compose', icon: Combine },
  { path: '/images', name: 'images', icon: Layers },
  { path: '/volumes', name: 'volumes', icon: HardDrive },
  { path: '/networks', name: 'networks', icon: Network },
  { path: '/builds', name: 'builds', icon: Hammer },
  { path: '/engines', name: 'engines', icon: Server, apart: true },
  { path: '/settings', name: 'settings', icon: Settings },
  { path: '/diagnose', name: 'diagnose', icon: Stethoscope },
] as const;

/** The frame: where one can go at the left, the view, and what floats above it. */
export const App = defineComponent(() => {
  const connection = useConnection();
  const preferences = usePreferences();
  const notices = useNotices();
  const containers = useContainers();
  const tasks = useTasks();
  const router = useRouter();
  const paletteOpen = ref(false);
  const keysOpen = ref(false);
  const active = computed(() => tasks.tasks.filter(({ state }) => state === 'running').length);

  function onKeydown(event: KeyboardEvent): void {
    const typing = (event.target as HTMLElement).closest('input, textarea, select, .xterm, [role=dialog]');
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') paletteOpen.value = true;
    else if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === '/') document.querySelector<HTMLInputElement>('[data-search]')?.focus();
    else if (event.key === '?') keysOpen.value = true;
    else return;
    event.preventDefault();
  }
  /** A tar that is dropped where nothing else takes it; without this the browser would leave the page for it. */
  function onDrop(event: DragEvent): void {
    if (event.defaultPrevented) return;
    event.preventDefault();
    for (const file of event.dataTransfer?.files ?? []) if (/\.(tar|tgz|tar\.\w+)$/i.test(file.name)) askLoad(file);
  }
  const allowDrop = (event: DragEvent): void => event.preventDefault();
  onMounted(() => {
    document.addEventListener('keydown', onKeydown);
    document.addEventListener('dragover', allowDrop);
    document.addEventListener('drop', onDrop);
  });
  onBeforeUnmount(() => {
    document.removeEventListener('keydown', onKeydown);
    document.removeEventListener('dragover', allowDrop);
    document.removeEventListener('drop', onDrop);
  });

  const machine = (): VNode | undefined => {
    const texts = t().machine;
    if (!connection.known) return undefined;
    if (!connection.connected) return stateDot('failed', texts.unreachable);
    if (connection.engineUp) return stateDot('running', texts.running, connection.machine?.detail || texts.running);
    const status = connection.machine?.status ?? 'stopped';
    const kinds = {
      running: 'warning',
      starting: 'warning',
      stopping: 'warning',
      stopped: 'stopped',
      failed: 'failed',
    } as const;
    return stateDot(
      kinds[status],
      status === 'running' ? texts.unreachable : texts[status],
      connection.machine?.detail,
    );
  };

  const navigation = (): VNode => (
    <nav class="navigation" aria-label={t().nav.main}>
      <div class="row brand">
        {icon(Boxes)}
        <span class="word">Berth</span>
        {connection.about?.engine ? (
          <span class="word soft ellipsis engine-name" title={connection.about.dockerHost}>
            {connection.about.engine}
          </span>
        ) : undefined}
      </div>
      {places.map(place => {
        const name = t().nav[place.name];
        return h(
          RouterLink,
          {
            key: place.path,
            to: place.path,
            class: 'apart' in place ? 'apart' : undefined,
            title: name,
            'aria-label': name,
          },
          () => [icon(place.icon), <span class="word">{name}</span>],
        );
      })}
      <div class="foot">
        <div role="status" class="ellipsis">
          {machine()}
        </div>
        <div class="row" style={{ flexWrap: 'wrap', gap: '2px', marginLeft: '-8px' }}>
          {button({
            label: preferences.navigation === 'wide' ? t().nav.collapse : t().nav.expand,
            icon: PanelLeft,
            iconOnly: true,
            kind: 'quiet',
            onClick: () => {
              preferences.navigation = preferences.navigation === 'wide' ? 'narrow' : 'wide';
            },
          })}
          {taskButton()}
          {button({
            label: t().keys.show,
            icon: CircleHelp,
            iconOnly: true,
            kind: 'quiet',
            onClick: () => {
              keysOpen.value = true;
            },
          })}
        </div>
      </div>
    </nav>
  );

  const taskButton = (): VNode =>
    h(PopoverRoot, {}, () => [
      h(
        PopoverTrigger,
        { class: 'button quiet', title: t().tasks.title, 'aria-label': `${t().tasks.title} (${active.value})` },
        () => [icon(ListTodo), active.value > 0 ? String(active.value) : undefined],
      ),
      h(PopoverPortal, () =>
        h(
          PopoverContent,
          { class: 'menu tasks-panel', side: 'top', align: 'start', 'aria-label': t().tasks.title },
          () => tasksPanel(),
        ),
      ),
    ]);

  const banner = (): VNode | undefined => {
    // lists that were never read say it themselves, and how to start it
    if (!connection.known || connection.usable || !containers.loaded) return undefined;
    const texts = t().machine;
    const stopped = connection.connected && connection.machine?.status === 'stopped';
    return (
      <div class="banner" role="alert">
        {icon(TriangleAlert)}
        <span>
          {connection.connected ? texts.engineDown : texts.lost} {stopped && prose(texts.startHint)}
          {connection.about?.engine && connection.problem && <span class="soft pre"> {connection.problem}</span>}
        </span>
      </div>
    );
  };

  const noticeList = (): VNode => (
    <div class="notices" role="region" aria-live="assertive" aria-label={t().errors.title}>
      {notices.notices.map(({ id, what, why, undo }) => (
        <div class={['notice', why === '' && 'good']} key={id}>
          <strong class="row">
            <span class="grow">{what}</span>
            {undo && button({ label: t().common.undo, onClick: undo })}
          </strong>
          {button({
            label: t().errors.dismiss,
            icon: X,
            iconOnly: true,
            kind: 'quiet',
            onClick: () => notices.dismiss(id),
          })}
          {why && <p>{why}</p>}
        </div>
      ))}
    </div>
  );

  const keysDialog = (): VNode => {
    const texts = t().keys;
    const keys: [string, string][] = [
      ['↑ ↓ j k', texts.move],
      ['Enter', texts.open],
      ['/', texts.search],
      ['Ctrl K', texts.palette],
      ['s', texts.startStop],
      ['r', texts.restart],
      ['l', texts.logs],
      ['t', texts.terminal],
      ['e', texts.edit],
      ['Space', texts.select],
      ['Delete', texts.remove],
      ['?', texts.help],
    ];
    return dialog({
      title: texts.title,
      open: keysOpen.value,
      close: () => {
        keysOpen.value = false;
      },
      content: () => (
        <dl class="facts">
          {keys.map(([key, meaning]) => [
            <dt>
              <kbd class="kbd">{key}</kbd>
            </dt>,
            <dd>{meaning}</dd>,
          ])}
        </dl>
      ),
    });
  };

  return () => (
    <div class={['frame', preferences.navigation]}>
      {navigation()}
      <main>
        {banner()}
        <RouterView />
      </main>
      {noticeList()}
      {keysDialog()}
      {askDialog()}
      {paletteOpen.value && (
        <Palette
          places={places.map(({ path, name }) => ({ path, label: t().palette.goTo(t().nav[name]) }))}
          go={path => void router.push(path)}
          close={() => {
            paletteOpen.value = false;
          }}
        />
      )}
    </div>
  );
});
