import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import type { CallRequest } from '../../contracts/bridge.ts';
import type { DesktopView } from '../../contracts/desktop.ts';
import { bridge } from './clients.ts';
import { useConnection } from './connection.ts';

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
      ...{ startsAtLogin: undefined, notifications: undefined, looksForUpdates: undefined, update: undefined },
      ...request,
    });
  return { view, change };
});
