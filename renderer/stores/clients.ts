import { BridgeClient, connectMessagePort, connectWebSocket, desktop, EngineClient } from '../bridge/index.ts';

/** The one bridge of this window, and the engine behind it. */
export const bridge = new BridgeClient(events =>
  desktop ? connectMessagePort(desktop, events) : connectWebSocket(events),
);
export const engine = new EngineClient(bridge);
