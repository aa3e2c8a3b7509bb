import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { AboutDocument, MachineView } from '../../contracts/bridge.ts';
import type { EventMessage } from '../../contracts/docker/events.ts';
import type { SystemInfo } from '../../contracts/docker/system.ts';
import { systemEvents, systemInfo } from '../../contracts/docker/system-routes.ts';
import type { EngineError } from '../../contracts/errors.ts';
import type { OpenStream } from '../bridge/index.ts';
import { bridge, engine } from './clients.ts';

type EventListener = (event: EventMessage) => void;

const longestPauseMs = 5000;
/** What could not be read is read again after this time. */
const againMs = 1000;
const keptEvents = 200;
/** Events of so many seconds before are read. */
const pastSeconds = 3600;

/**
 * Whether Berth and its engine are there. The engine's events feed every list: when their stream begins everything is read
 * once, then only what an event names.
 */
export const useConnection = defineStore('connection', () => {
  const connected = ref(false);
  const engineUp = ref(false);
  /** False until the first answer or the first failure. */
  const known = ref(false);
  /** Why the engine does not answer, in the words of whoever tried; empty while it does. */
  const problem = ref('');
  const machine = shallowRef<MachineView>();
  const about = shallowRef<AboutDocument>();
  const info = shallowRef<SystemInfo>();
  const events = shallowRef<EventMessage[]>([]);
  const listeners = new Set<EventListener>();
  const beginnings = new Set<() => Promise<unknown>>();
  const connections = new Set<() => void>();
  let pauseMs = 250;
  let watching: OpenStream | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function watchEvents(): void {
    clearTimeout(timer);
    watching?.cancel();
    watching = engine.lines(systemEvents, {}, { head: begun, line: tell, ended: lost });
  }

  function begun(): void {
    engineUp.value = true;
    known.value = true;
    problem.value = '';
    pauseMs = 250;
    for (const begin of beginnings) void attempt(begin);
    void readPast();
    void engine.json(systemInfo).then(
      document => {
        info.value = document;
      },
      () => undefined, // the stream of events tells that the engine is gone
    );
  }

  /** Again a little later while the engine is there: one answer may get lost on its way from far. */
  async function attempt(begin: () => Promise<unknown>): Promise<void> {
    try {
      await begin();
    } catch {
      setTimeout(() => {
        if (engineUp.value) void attempt(begin);
      }, againMs);
    }
  }

  /** What happened before this window was opened, as far as the engine remembers it. */
  async function readPast(): Promise<void> {
    const now = Math.floor(Date.now() / 1000);
    const query = { since: String(now - pastSeconds), until: String(now) };
    const text = await engine.text(systemEvents, { query }).catch(() => '');
    const past = text
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as EventMessage);
    const known = new Set(events.value.map(({ timeNano }) => timeNano));
    const missed = past.filter(({ timeNano, Action }) => !known.has(timeNano) && !Action.startsWith('exec_'));
    events.value = [...events.value, ...missed.reverse()].slice(0, keptEvents);
  }

  function tell(event: EventMessage): void {
    if (!event.Action.startsWith('exec_')) events.value = [event, ...events.value.slice(0, keptEvents - 1)];
    for (const listener of listeners) listener(event);
  }

  function lost(error?: EngineError): void {
    engineUp.value = false;
    problem.value = error?.message ?? '';
    known.value = true;
    if (!connected.value) return; // it begins anew with the connection
    clearTimeout(timer);
    timer = setTimeout(watchEvents, pauseMs);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }

  function start(): void {
    bridge.onConnection = is => {
      connected.value = is;
      known.value = true;
      if (!is) return;
      watchEvents();
      for (const begin of connections) begin();
      bridge.open('machine', {}, { item: view => takeMachine(view as MachineView) });
      void bridge.call('about', {}).then(document => {
        about.value = document;
      });
    };
    bridge.start();
  }

  function takeMachine(view: MachineView): void {
    machine.value = view;
    if (view.status === 'running' && !engineUp.value) {
      pauseMs = 250;
      watchEvents();
    }
  }

  /** `begin` whenever everything must be read anew, `listener` for each event after that. */
  function follow(begin: () => Promise<unknown>, listener: EventListener): void {
    beginnings.add(begin);
    listeners.add(listener);
    if (engineUp.value) void attempt(begin);
  }

  /** `begin` now, or when Berth answers, and each time that it answers again. */
  function whenConnected(begin: () => void): void {
    connections.add(begin);
    if (connected.value) begin();
  }

  const usable = computed(() => connected.value && engineUp.value);
  return {
    connected,
    engineUp,
    known,
    usable,
    problem,
    retry: watchEvents,
    machine,
    about,
    info,
    events,
    start,
    follow,
    whenConnected,
  };
});
