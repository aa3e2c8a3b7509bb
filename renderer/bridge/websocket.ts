import { bridgePath, bridgeProtocol, keyMark } from '../../contracts/bridge-frames.ts';
import type { Port, PortEvents } from './client.ts';

const storedAs = 'berth.key';

/** Keeps the key that came with the address, and takes it out of there: before the router reads it. */
function keep(): string {
  if (location.hash.startsWith(keyMark)) {
    localStorage.setItem(storedAs, location.hash.slice(keyMark.length));
    history.replaceState(history.state, '', location.pathname + location.search);
  }
  return localStorage.getItem(storedAs) ?? 'none';
}
const key = keep();

/** The bridge of a browser: a web socket to where the page came from, which checks who asks. */
export function connectWebSocket(events: PortEvents): Port {
  const socket = new WebSocket(`ws://${location.host}${bridgePath}`, [bridgeProtocol, key]);
  socket.binaryType = 'arraybuffer';
  socket.onopen = events.opened;
  socket.onclose = events.closed;
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) =>
    typeof data === 'string' ? events.text(data) : events.bytes(new Uint8Array(data));
  return { send: data => socket.send(data) };
}
