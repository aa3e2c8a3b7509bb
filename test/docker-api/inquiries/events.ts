import type { Ask, Inquiry } from '../ask.ts';
import { ask, filters } from './make.ts';

/** Whatever is not the same twice in an event: sizes, durations, and its time. */
const hide = [/(?<="(reclaimed|execDuration)":")\d+/g];
const events = (path: string): Ask => ask(path, undefined, { hide, drop: ['time', 'timeNano'] });
/** What happened since the inquiry began; the wait is for a clock that counts milliseconds. */
const all = (more = ''): Ask => events(`GET /events?since={start}&until={now}${more}`);

/** Names that no id can begin with. */
const life: readonly Ask[] = [
  ask('POST /volumes/create', { Name: 'v1', Labels: { vol: 'x' } }, { statusOnly: true }),
  ask('POST /networks/create', { Name: 'n1', Labels: { net: 'x' } }),
  ask('POST /containers/create?name=za', {
    Image: 'busybox',
    Cmd: ['sleep', '1000'],
    Labels: { evented: 'yes' },
    StopSignal: 'KILL',
    HostConfig: { Binds: ['v1:/data'], NetworkMode: 'n1' },
  }),
  ask('POST /containers/za/start'),
  ask('POST /containers/za/exec', { Cmd: ['sh', '-c', 'exit 3'], AttachStdout: true }),
  ask('POST /exec/{id}/start', {}),
  ask('POST /containers/za/pause'),
  ask('POST /containers/za/unpause'),
  ask('POST /containers/za/rename?name=zb'),
  ask('POST /containers/zb/update', { CpuShares: 512 }),
  ask('GET /containers/zb/top', undefined, { statusOnly: true }),
  ask('GET /containers/zb/export', undefined, { statusOnly: true }),
  ask('POST /containers/zb/kill?signal=KILL'),
  ask('POST /containers/zb/wait'),
  ask('DELETE /containers/zb?v=1'),
  ask('POST /containers/create?name=zc', { Image: 'busybox', Cmd: ['true'], Volumes: { '/anonymous': {} } }),
  ask('GET /containers/zc/json?size=1', undefined, { statusOnly: true }),
  ask('DELETE /containers/zc?v=1'),
  ask('POST /containers/create?name=zd', { Image: 'busybox', Cmd: ['true'] }),
  ask('GET /containers/zd/archive?path=/etc/passwd', undefined, { statusOnly: true }),
  ask('POST /commit?container=zd&repo=committed&tag=1', undefined, { statusOnly: true }),
  ask('DELETE /containers/zd'),
  ask('DELETE /images/committed:1', undefined, { statusOnly: true }),
  ask('DELETE /networks/n1'),
  ask('DELETE /volumes/v1'),
  ask('POST /images/busybox/tag?repo=other&tag=1'),
  ask('GET /images/other:1/get', undefined, { statusOnly: true }),
  ask('DELETE /images/other:1', undefined, { statusOnly: true }),
  ask('POST /containers/prune', undefined, { hide: [/"SpaceReclaimed":\d+/g] }),
  ask('POST /networks/prune'),
  ask('POST /volumes/prune', undefined, { hide: [/"SpaceReclaimed":\d+/g] }),
  ask('POST /images/prune', undefined, { hide: [/"SpaceReclaimed":\d+/g] }),
];

const chosen = [
  { type: ['network'] },
  { type: ['container'], event: ['start', 'die'] },
  { event: ['exec_create'] },
  { event: ['exec_create: sh -c exit 3'] },
  { event: ['exec_die'] },
  { label: ['evented'] },
  { label: ['evented=no'] },
  { container: ['zb'] },
  { container: ['z'] },
  { volume: ['v1'] },
  { network: ['n1'] },
  { network: ['n'] },
  { image: ['busybox'] },
  { image: ['busybox:latest'] },
  { image: ['other'] },
  { scope: ['swarm'] },
  { scope: ['local'], type: ['volume'] },
  { nope: ['x'] },
];

/** Every kind of event, and the ways to ask for some of them. */
export const eventInquiries: readonly Inquiry[] = [
  {
    name: 'http: events',
    asks: [
      ...life,
      all(),
      ...chosen.map(value => ({ ...all(`&${filters(value)}`), only: ['Type', 'Action'] })),
      // dockerd tells of a stop before or after the death, as it happens
      ask('POST /containers/create?name=ze', { Image: 'busybox', Cmd: ['sleep', '9'], StopSignal: 'KILL' }),
      ask('POST /containers/ze/start'),
      ask('POST /containers/ze/restart?t=5'),
      ask('POST /containers/ze/stop?t=5'),
      { ...all(`&${filters({ container: ['ze'] })}`), unordered: true },
      events('GET /events?until=1'),
      events('GET /events?since={now}&until={now}'),
    ],
  },
];
