import { bytes, nothing, route } from '../../../contracts/route.ts';
import { type Call, serve } from '../call.ts';

/** What clients learn before their first request. Builder version 2 is BuildKit. */
function introduce({ header }: Pick<Call, 'header'>): void {
  header('Cache-Control', 'no-cache, no-store, must-revalidate');
  header('Pragma', 'no-cache');
  header('Builder-Version', '2');
  header('Swarm', 'inactive');
}

const ok = Buffer.from('OK');
const plainText = 'text/plain; charset=utf-8';

export const pingRoutes = [
  serve(route('GET', '/_ping', { answer: bytes(plainText) }), call => {
    introduce(call);
    return ok;
  }),
  serve(route('HEAD', '/_ping', { answer: nothing(200) }), call => {
    introduce(call);
    call.header('Content-Type', plainText);
  }),
];
