import type { Inquiry } from '../ask.ts';
import { ask } from './make.ts';

/** Clients that want an exec's stream read on it that it has run: compose starts each of its own twice. */
export const execTwice: Inquiry = {
  name: 'http: an exec runs once',
  asks: [
    ask('POST /containers/create?name=za', { Image: 'busybox', Cmd: ['sleep', '1000'], StopSignal: 'KILL' }),
    ask('POST /containers/za/start'),
    ask('POST /containers/za/exec', { Cmd: ['true'], AttachStdout: true }),
    ask('POST /exec/{id}/start', {}),
    ask('POST /exec/{id}/start', {}),
    ask('POST /exec/{id}/start', { Detach: true }),
    ask('POST /containers/za/pause'),
    ask('POST /exec/{id}/start', {}),
    ask('POST /containers/za/unpause'),
    ask('GET /events?since={start}&until={now}&filters={"event":["exec_create","exec_start"]}', undefined, {
      only: ['Action'],
    }),
    ask('DELETE /containers/za?force=1'),
  ],
};
