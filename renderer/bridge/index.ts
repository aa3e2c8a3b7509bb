/** Room `bridge`: the window's end of the bridge, and the Docker API over it. */
export { BridgeClient, type OpenStream } from './client.ts';
export { EngineClient, type EngineRequest } from './engine.ts';
export { connectMessagePort, desktop } from './message-port.ts';
export { connectWebSocket } from './websocket.ts';
