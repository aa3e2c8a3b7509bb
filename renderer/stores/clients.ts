import { BridgeClient, connectWebSocket, EngineClient } from '../bridge/index.ts';

/** The one bridge of this window, and the engine behind it. */
export const bridge = new BridgeClient(connectWebSocket);
export const engine = new EngineClient(bridge);
