import { desktopChannels } from '../../contracts/desktop.ts';
import type { Port, PortEvents } from './client.ts';

/** What the preload script of the desktop program gives the page. */
export interface Desktop {
  openBridge(): void;
  onGoTo(take: (path: string) => void): void;
}

/** The desktop program around this page; undefined in a browser. */
export const desktop = (globalThis as { berth?: Desktop }).berth;

/** The bridge of the desktop program: a message port, which the preload script hands over. */
export function connectMessagePort(program: Desktop, events: PortEvents): Port {
  let port: MessagePort | undefined;
  const take = ({ data, source, ports }: MessageEvent): void => {
    if (source !== window || data !== desktopChannels.openBridge || !ports[0]) return;
    window.removeEventListener('message', take);
    port = ports[0];
    port.onmessage = ({ data: frame }: MessageEvent<string | Uint8Array>) =>
      typeof frame === 'string' ? events.text(frame) : events.bytes(frame);
    port.addEventListener('close', events.closed);
    port.start();
    events.opened();
  };
  window.addEventListener('message', take);
  program.openBridge();
  return { send: frame => port?.postMessage(frame) };
}
