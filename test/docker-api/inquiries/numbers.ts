import type { Inquiry } from '../ask.ts';
import { ask, asks, make } from './make.ts';

const times =
  '2020-01-02T03:04:05Z 2020-01-02 1577934245 1577934245.5 1577934245.0000000005 10m -5 1.x 99999999999999999999 1e3 .5 5.';
const sizes =
  'h=1 w=1 h=-1&w=1 h=1&w=-1 h=70000&w=80 h=65536&w=65536 h=4294967296&w=1 h=4294967295&w=4294967295 h=18446744073709551616&w=1 h=0&w=0 h=1.5&w=2';

/** Words for numbers and times, as Go reads them. */
export const numbers: Inquiry = {
  name: 'http: numbers and times',
  asks: [
    make('ca', { Tty: true }),
    ...times.split(' ').flatMap(time =>
      asks(`
        GET /containers/ca/logs?stdout=1&since=${time}
        GET /containers/ca/logs?stdout=1&until=${time}
      `),
    ),
    ask('GET /events?since=2020-01-02T03:04:05Z&until=1577934246'),
    ask('GET /events?until=2020-01-02T03:04:05Z'),
    ask('POST /containers/ca/start?checkpoint=one'),
    ask('POST /containers/nosuch/start?checkpoint=one'),
    ask('GET /containers/ca/checkpoints'),
    ask('POST /containers/nosuch/checkpoints', { CheckpointID: 'one' }),
    ask('DELETE /containers/ca/checkpoints/one'),
    ask('POST /containers/ca/start'),
    ...sizes.split(' ').map(size => ask(`POST /containers/ca/resize?${size}`)),
    ask('POST /containers/ca/exec', { Cmd: ['sleep', '100'], Tty: true }),
    ask('POST /exec/{id}/start', { Detach: true, Tty: true }),
    ...sizes.split(' ').map(size => ask(`POST /exec/{id}/resize?${size}`)),
  ],
};
