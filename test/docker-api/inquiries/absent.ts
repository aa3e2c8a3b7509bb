import type { Inquiry } from '../ask.ts';
import { ask, asks } from './make.ts';

/** Names of containers that some request asks about; nothing of the kind is there. */
const ofContainer: readonly string[] = [
  'GET /containers/nosuch/json',
  'GET /containers/nosuch/top',
  'GET /containers/nosuch/logs?stdout=1',
  'GET /containers/nosuch/changes',
  'GET /containers/nosuch/export',
  'GET /containers/nosuch/stats?stream=0',
  'POST /containers/nosuch/resize?h=1&w=1',
  'POST /containers/nosuch/start',
  'POST /containers/nosuch/stop',
  'POST /containers/nosuch/restart',
  'POST /containers/nosuch/kill',
  'POST /containers/nosuch/rename?name=other',
  'POST /containers/nosuch/pause',
  'POST /containers/nosuch/unpause',
  'POST /containers/nosuch/wait',
  'DELETE /containers/nosuch',
  'HEAD /containers/nosuch/archive?path=/',
  'GET /containers/nosuch/archive?path=/',
];

/** Names that nothing bears. */
export const absent: Inquiry = {
  name: 'http: nothing there',
  asks: [
    ...ofContainer.map(line => ask(line)),
    ask('POST /containers/nosuch/attach?stdout=1', undefined, { statusOnly: true }),
    ask('POST /containers/nosuch/update', { CpuShares: 2 }),
    ask('POST /containers/nosuch/exec', { Cmd: ['true'] }),
    ask('PUT /containers/nosuch/archive?path=/', '', { headers: { 'content-type': 'application/x-tar' } }),
    ask('GET /exec/nosuch/json'),
    ask('POST /exec/nosuch/start', {}),
    ...asks(`
      POST /exec/nosuch/resize?h=1&w=1
      GET /images/nosuch/json
      GET /images/nosuch/history
      GET /images/nosuch/get
      POST /images/nosuch/tag?repo=x
      DELETE /images/nosuch
      GET /networks/nosuch
      DELETE /networks/nosuch
      GET /volumes/nosuch
      DELETE /volumes/nosuch
      DELETE /volumes/nosuch?force=1
      GET /plugins/nosuch/json
      DELETE /plugins/nosuch
      POST /plugins/nosuch/enable?timeout=1
      POST /plugins/nosuch/disable
    `),
    ask('POST /plugins/nosuch/set', ['A=b']),
    ...asks(`
      GET /plugins
      GET /nosuch
      PUT /containers/json
      GET /containers
      POST /info
    `),
  ],
};
