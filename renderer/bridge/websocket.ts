import { bridgePath } from '../../contracts/bridge-frames.ts';
import type { Port, PortEvents } from './client.ts';

/** The bridge of a browser: a web socket to where the page came from, which checks who asks. */
export function connectWebSocket(events: PortEvents): Port {
  const socket = new WebSocket(`ws://${location.host}${bridgePath}`);
  socket.binaryType = 'arraybuffer';
  socket.onopen = events.opened;
  socket.onclose = events.closed;
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) =>
    typeof data === 'string' ? events.text(data) : events.bytes(new Uint8Array(data));
  return { send: data => socket.send(data) };
}
