import type { Inquiry } from '../ask.ts';
import { ask, asks } from './make.ts';

/** What an engine says that is not part of a swarm. */
export const swarm: Inquiry = {
  name: 'http: swarm, plugins, sessions',
  asks: [
    ask('GET /swarm'),
    ask('POST /swarm/leave'),
    ask('POST /swarm/update?version=1', {}),
    ask('GET /swarm/unlockkey'),
    ask('POST /swarm/unlock', { UnlockKey: 'x' }),
    ...['services', 'nodes', 'tasks', 'secrets', 'configs'].flatMap(kind => [
      ask(`GET /${kind}`),
      ask(`GET /${kind}/x`),
    ]),
    ask('POST /services/create', {}),
    ask('POST /services/x/update?version=1', {}),
    ...asks(`
      DELETE /services/x
      GET /services/x/logs?stdout=1
      GET /tasks/x/logs?stdout=1
    `),
    ask('POST /nodes/x/update?version=1', {}),
    ask('DELETE /nodes/x'),
    ask('POST /secrets/create', {}),
    ask('POST /secrets/x/update?version=1', {}),
    ask('DELETE /secrets/x'),
    ask('POST /configs/create', {}),
    ask('POST /configs/x/update?version=1', {}),
    ask('DELETE /configs/x'),
    ask('PUT /volumes/x', {}),
    ask('PUT /volumes/x?version=1', {}),
    ask('OPTIONS /info'),
  ],
};
