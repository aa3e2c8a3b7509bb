import type { Inquiry } from '../ask.ts';
import { ask, asks, make } from './make.ts';

/** Parameters that dockerd refuses, or takes for something else. */
export const badParameters: Inquiry = {
  name: 'http: bad parameters',
  asks: [
    make('ca'),
    ...asks(`
      GET /containers/json?limit=x
      GET /containers/json?limit=-1
      GET /containers/json?filters=x
      GET /containers/json?filters={}
      GET /containers/json?filters=[]
      GET /containers/json?filters={"label":5}
      GET /containers/ca/logs
      GET /containers/ca/logs?stdout=1&since=x
      GET /containers/ca/logs?stdout=1&until=x
      GET /containers/ca/logs?stdout=1&tail=x
      GET /containers/ca/stats?stream=1&one-shot=1
      GET /containers/ca/top
      POST /containers/ca/resize
      POST /containers/ca/resize?h=x&w=1
      POST /containers/ca/resize?h=1&w=x
      POST /containers/ca/resize?h=1&w=1
      POST /containers/ca/stop?t=x
      POST /containers/ca/stop
      POST /containers/ca/restart?t=x
      POST /containers/ca/kill
      POST /containers/ca/kill?signal=NOPE
      POST /containers/ca/rename
      POST /containers/ca/rename?name=
      POST /containers/ca/rename?name=!
      POST /containers/ca/rename?name=ca
      POST /containers/ca/pause
      POST /containers/ca/unpause
      POST /containers/ca/wait?condition=nope
    `),
    ask('POST /containers/ca/attach?detachKeys=nope&stdin=1&stream=1', undefined, { statusOnly: true }),
    ...asks(`
      HEAD /containers/ca/archive
      GET /containers/ca/archive
      GET /containers/ca/archive?path=
      GET /containers/ca/archive?path=/nosuch
    `),
    ask('PUT /containers/ca/archive', '', { headers: { 'content-type': 'application/x-tar' } }),
    ask('PUT /containers/ca/archive?path=/nosuch', '', { headers: { 'content-type': 'application/x-tar' } }),
    ask('PUT /containers/ca/archive?path=/etc/passwd', '', { headers: { 'content-type': 'application/x-tar' } }),
    ask('PUT /containers/ca/archive?path=/tmp', 'no tar', { headers: { 'content-type': 'application/x-tar' } }),
    ...asks(`
      DELETE /containers/ca?link=1
      GET /system/df?type=nope
      GET /events?since=x
      GET /events?since=20&until=10
      GET /events?until=10&filters=x
      GET /images/json?filters={"nope":["x"]}
      GET /images/Bad!/json
      POST /images/busybox/tag?repo=Bad!
      POST /images/busybox/tag?repo=x&tag=!
      GET /networks?filters={"nope":["x"]}
      GET /volumes?filters={"nope":["x"]}
      DELETE /containers/ca?force=1
    `),
  ],
};
