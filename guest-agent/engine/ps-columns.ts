import { own } from '../../base/own.ts';
import type { ProcessFacts } from './process-facts.ts';

/** What the machine says beside the processes. */
export interface Moment {
  uptimeSeconds: number;
  nowMs: number;
  memoryKilobytes: number;
  users: ReadonlyMap<number, string>;
  groups: ReadonlyMap<number, string>;
}

export interface Column {
  title: string;
  show: (process: ProcessFacts, moment: Moment) => string;
  /** It shows what runs: a tree of processes is drawn in it. */
  isCommand?: boolean;
}

const ticksPerSecond = 100;
const pageKilobytes = 4;

const two = (value: number): string => String(value).padStart(2, '0');
const cpuSeconds = ({ cpuTicks }: ProcessFacts): number => Math.floor(cpuTicks / ticksPerSecond);
const clock = (seconds: number): string =>
  `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
const ageSeconds = ({ startTicks }: ProcessFacts, { uptimeSeconds }: Moment): number =>
  Math.max(0, uptimeSeconds - startTicks / ticksPerSecond);
const cpuShare = (process: ProcessFacts, moment: Moment): number =>
  (100 * process.cpuTicks) / ticksPerSecond / Math.max(ageSeconds(process, moment), 1);

function elapsed(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  if (days > 0) return `${days}-${clock(seconds % 86_400)}`;
  return clock(seconds).replace(/^00:/, '');
}

const startOf = (process: ProcessFacts, moment: Moment): Date =>
  new Date(moment.nowMs - ageSeconds(process, moment) * 1000);

function startText(process: ProcessFacts, moment: Moment): string {
  const start = startOf(process, moment);
  if (ageSeconds(process, moment) < 86_400) return `${two(start.getHours())}:${two(start.getMinutes())}`;
  return start.toLocaleString('en-US', { month: 'short', day: '2-digit' }).replace(' ', '');
}

/** `Sat Nov 21 09:44:37 2026` */
function fullStart(process: ProcessFacts, moment: Moment): string {
  const start = startOf(process, moment);
  return `${start.toDateString().slice(0, 10)} ${start.toTimeString().slice(0, 8)} ${start.getFullYear()}`;
}

/** tty_nr of proc_pid_stat(5). */
function terminalText({ terminal }: ProcessFacts): string {
  const major = (terminal >> 8) & 0xfff;
  const minor = (terminal & 0xff) | ((terminal >> 12) & 0xfff00);
  if (terminal === 0) return '?';
  return major >= 136 && major <= 143 ? `pts/${minor + (major - 136) * 256}` : `tty${minor}`;
}

/** The state, and ps's letters for what is said beside it. ps(1), PROCESS STATE CODES */
function stateText(process: ProcessFacts): string {
  const { state, nice, lockedKilobytes, session, pid, threads, terminalGroup, processGroup } = process;
  const letters = [
    nice < 0 && '<',
    nice > 0 && 'N',
    lockedKilobytes > 0 && 'L',
    session === pid && 's',
    threads > 1 && 'l',
    terminalGroup === processGroup && '+',
  ];
  return state + letters.filter(Boolean).join('');
}

const PF_FORKNOEXEC = 0x40;
const PF_SUPERPRIV = 0x100;

type Show = Column['show'];
const number =
  (value: (process: ProcessFacts) => number): Show =>
  process =>
    String(value(process));
const user: Show = ({ uid }, { users }) => users.get(uid) ?? String(uid);
const group: Show = ({ gid }, { groups }) => groups.get(gid) ?? String(gid);
const name: Show = process => process.name;
const args: Show = process => process.command || `[${process.name}]`;
const time: Show = process => clock(cpuSeconds(process));
const shortTime: Show = process => `${Math.floor(cpuSeconds(process) / 60)}:${two(cpuSeconds(process) % 60)}`;
const percentCpu: Show = (process, moment) => cpuShare(process, moment).toFixed(1);
const wholeCpu: Show = (process, moment) => String(Math.min(99, Math.floor(cpuShare(process, moment))));
const percentMemory: Show = ({ residentPages }, { memoryKilobytes }) =>
  ((100 * residentPages * pageKilobytes) / memoryKilobytes).toFixed(1);
const virtual = number(({ virtualBytes }) => Math.floor(virtualBytes / 1024));
const resident = number(({ residentPages }) => residentPages * pageKilobytes);
const elapsedSeconds = (process: ProcessFacts, moment: Moment): number => Math.floor(ageSeconds(process, moment));

/** ps's names of columns, with their titles. */
const named: Readonly<Record<string, readonly [title: string, show: Show]>> = {
  user: ['USER', user],
  euser: ['EUSER', user],
  ruser: ['RUSER', user],
  uname: ['USER', user],
  uid: ['UID', number(({ uid }) => uid)],
  euid: ['EUID', number(({ uid }) => uid)],
  group: ['GROUP', group],
  egroup: ['EGROUP', group],
  gid: ['GID', number(({ gid }) => gid)],
  egid: ['EGID', number(({ gid }) => gid)],
  pid: ['PID', number(({ pid }) => pid)],
  tgid: ['TGID', number(({ pid }) => pid)],
  ppid: ['PPID', number(({ ppid }) => ppid)],
  pgid: ['PGID', number(({ processGroup }) => processGroup)],
  pgrp: ['PGRP', number(({ processGroup }) => processGroup)],
  sid: ['SID', number(({ session }) => session)],
  sess: ['SESS', number(({ session }) => session)],
  session: ['SESS', number(({ session }) => session)],
  tpgid: ['TPGID', number(({ terminalGroup }) => terminalGroup)],
  f: ['F', number(({ flags }) => ((flags & PF_SUPERPRIV) >> 6) | ((flags & PF_FORKNOEXEC) >> 6))],
  c: ['C', wholeCpu],
  pcpu: ['%CPU', percentCpu],
  '%cpu': ['%CPU', percentCpu],
  pmem: ['%MEM', percentMemory],
  '%mem': ['%MEM', percentMemory],
  vsz: ['VSZ', virtual],
  vsize: ['VSZ', virtual],
  rss: ['RSS', resident],
  rssize: ['RSS', resident],
  rsz: ['RSZ', resident],
  sz: ['SZ', number(({ virtualBytes }) => Math.floor(virtualBytes / 1024 / pageKilobytes))],
  tty: ['TT', terminalText],
  tt: ['TT', terminalText],
  tname: ['TTY', terminalText],
  stat: ['STAT', stateText],
  s: ['S', process => process.state],
  state: ['S', process => process.state],
  stime: ['STIME', startText],
  start_time: ['START', startText],
  bsdstart: ['START', startText],
  start: ['STARTED', startText],
  lstart: ['STARTED', fullStart],
  etime: ['ELAPSED', (process, moment) => elapsed(elapsedSeconds(process, moment))],
  etimes: ['ELAPSED', (process, moment) => String(elapsedSeconds(process, moment))],
  time: ['TIME', time],
  cputime: ['TIME', time],
  bsdtime: ['TIME', shortTime],
  times: ['TIME', number(cpuSeconds)],
  ni: ['NI', number(({ nice }) => nice)],
  nice: ['NI', number(({ nice }) => nice)],
  pri: ['PRI', number(({ priority }) => 39 - priority)],
  priority: ['PRI', number(({ priority }) => priority)],
  opri: ['PRI', number(({ priority }) => 60 + priority)],
  psr: ['PSR', number(({ cpu }) => cpu)],
  nlwp: ['NLWP', number(({ threads }) => threads)],
  thcount: ['THCNT', number(({ threads }) => threads)],
  wchan: ['WCHAN', process => process.waitsIn],
  addr: ['ADDR', () => '-'],
  comm: ['COMMAND', name],
  ucmd: ['CMD', name],
  ucomm: ['COMMAND', name],
  args: ['COMMAND', args],
  cmd: ['CMD', args],
  command: ['COMMAND', args],
};

/** The column that ps calls `key`; another `title` on demand. */
export function columnNamed(key: string, title?: string): Column | undefined {
  const found = own(named, key.toLowerCase());
  if (!found) return undefined;
  const [usual, show] = found;
  return { title: title ?? usual, show, isCommand: show === name || show === args };
}

/** A format: names as above, with `=` and another title where theirs is not the usual one. */
const columns = (text: string): readonly Column[] =>
  text.split(' ').flatMap(word => {
    const [key = '', title] = word.split('=');
    return columnNamed(key, title) ?? [];
  });

/** What ps shows by its letters: of UNIX (`-f`) and of BSD (`u`). ps(1), OUTPUT FORMAT CONTROL */
export const formats = {
  '': columns('pid tname time ucmd'),
  f: columns('user=UID pid ppid c stime tname time cmd'),
  F: columns('user=UID pid ppid c sz rss psr stime tname time cmd'),
  l: columns('f s uid pid ppid c opri ni addr sz wchan tname time ucmd'),
  j: columns('pid pgid sid tname time ucmd'),
  bsd: columns('pid tname stat bsdtime args'),
  bsdU: columns('user pid pcpu pmem vsz rss tname stat start_time bsdtime args'),
  bsdL: columns('f uid pid ppid priority ni vsz rss wchan stat tname bsdtime args'),
  bsdJ: columns('ppid pid pgid sid tname tpgid stat uid bsdtime args'),
} as const;
