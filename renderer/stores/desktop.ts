import { defineStore } from 'pinia';
import { shallowRef, watch } from 'vue';
import type { CallRequest } from '../../contracts/bridge.ts';
import type { DesktopView } from '../../contracts/desktop.ts';
import { bridge } from './clients.ts';
import { useConnection } from './connection.ts';
import { usePreferences } from './preferences.ts';

/** The desktop program around this window; a browser has none. */
export const useDesktop = defineStore('desktop', () => {
  const view = shallowRef<DesktopView>();
  useConnection().whenConnected(() => {
    bridge.open(
      'desktop',
      {},
      {
        item: item => {
          view.value = item as DesktopView;
        },
      },
    );
  });
  /** @throws EngineError */
  const change = (request: Partial<CallRequest<'changeDesktop'>>): Promise<unknown> =>
    bridge.call('changeDesktop', {
      ...{ startsAtLogin: undefined, notifications: undefined, looksForUpdates: undefined },
      ...{ language: undefined, update: undefined },
      ...request,
    });
  const preferences = usePreferences();
  // its menus speak as the window does
  watch([() => view.value?.language, () => preferences.language], ([spoken, language]) => {
    if (view.value && spoken !== language) void change({ language }).catch(() => undefined);
  });
  return { view, change };
});
