import { readFileSync } from 'node:fs';
import type { ContainerTop } from '../../contracts/docker/containers.ts';
import { invalidArgument } from '../../contracts/errors.ts';

/** One process as /proc tells it. Ticks are of 10 ms (USER_HZ is 100 for every program on Linux). */
interface ProcessFacts {
  pid: number;
  ppid: number;
  uid: number;
  state: string;
  terminal: number;
  /** User and system time together. */
  cpuTicks: number;
  startTicks: number;
  priority: number;
  nice: number;
  threads: number;
  virtualBytes: number;
  residentPages: number;
  name: string;
  command: string;
}

const ticksPerSecond = 100;
const pageKilobytes = 4;

/** `docker top` without ps: the columns of `ps -ef` (Docker's default), `ps aux`, or a list after `-o`. */
export async function top(pids: readonly number[], psArgs: string): Promise<ContainerTop> {
  const columns = columnsOf(psArgs.trim() || '-ef');
  const facts = pids.flatMap(pid => readProcess(pid) ?? []);
  const users = userNames();
  const clock = { uptime: uptimeSeconds(), now: Date.now(), memoryKb: totalMemoryKb() };
  return {
    Titles: columns.map(column => column.title),
    Processes: facts.map(process => columns.map(column => column.show(process, users, clock))),
  };
}

type Users = ReadonlyMap<number, string>;
interface Moment {
  uptime: number;
  now: number;
  memoryKb: number;
}
interface Column {
  title: string;
  show: (process: ProcessFacts, users: Users, moment: Moment) => string;
}

const user = (process: ProcessFacts, users: Users): string => users.get(process.uid) ?? String(process.uid);
const seconds = (process: ProcessFacts): number => Math.floor(process.cpuTicks / ticksPerSecond);
const two = (value: number): string => String(value).padStart(2, '0');
const clockText = (total: number): string =>
  `${two(Math.floor(total / 3600))}:${two(Math.floor(total / 60) % 60)}:${two(total % 60)}`;
const shortClock = (total: number): string => `${Math.floor(total / 60)}:${two(total % 60)}`;
const ageSeconds = (process: ProcessFacts, moment: Moment): number =>
  Math.max(0, moment.uptime - process.startTicks / ticksPerSecond);
const cpuShare = (process: ProcessFacts, moment: Moment): number =>
  (100 * process.cpuTicks) / ticksPerSecond / Math.max(ageSeconds(process, moment), 1);

function startText(process: ProcessFacts, moment: Moment): string {
  const age = ageSeconds(process, moment);
  const start = new Date(moment.now - age * 1000);
  if (age < 86_400) return `${two(start.getHours())}:${two(start.getMinutes())}`;
  return start.toLocaleString('en-US', { month: 'short', day: '2-digit' }).replace(' ', '');
}

function terminalText(process: ProcessFacts): string {
  const major = (process.terminal >> 8) & 0xfff;
  const minor = (process.terminal & 0xff) | ((process.terminal >> 12) & 0xfff00);
  if (process.terminal === 0) return '?';
  return major >= 136 && major <= 143 ? `pts/${minor + (major - 136) * 256}` : `tty${minor}`;
}

const shows: Readonly<Record<string, Column['show']>> = {
  user,
  uid: process => String(process.uid),
  pid: process => String(process.pid),
  ppid: process => String(process.ppid),
  c: (process, _users, moment) => String(Math.min(99, Math.floor(cpuShare(process, moment)))),
  pcpu: (process, _users, moment) => cpuShare(process, moment).toFixed(1),
  pmem: (process, _users, moment) => ((100 * process.residentPages * pageKilobytes) / moment.memoryKb).toFixed(1),
  vsz: process => String(Math.floor(process.virtualBytes / 1024)),
  rss: process => String(process.residentPages * pageKilobytes),
  tty: process => terminalText(process),
  stat: process => process.state,
  stime: (process, _users, moment) => startText(process, moment),
  time: process => clockText(seconds(process)),
  shortTime: process => shortClock(seconds(process)),
  ni: process => String(process.nice),
  pri: process => String(39 - process.priority),
  nlwp: process => String(process.threads),
  etime: (process, _users, moment) => clockText(Math.floor(ageSeconds(process, moment))).replace(/^00:/, ''),
  comm: process => process.name,
  args: process => process.command || `[${process.name}]`,
};

const column = (title: string, show: string): Column => ({ title, show: shows[show] ?? ((): string => '') });

const full: readonly Column[] = [
  ['UID', 'user'],
  ['PID', 'pid'],
  ['PPID', 'ppid'],
  ['C', 'c'],
  ['STIME', 'stime'],
  ['TTY', 'tty'],
  ['TIME', 'time'],
  ['CMD', 'args'],
].map(([title = '', show = '']) => column(title, show));

const byUser: readonly Column[] = [
  ['USER', 'user'],
  ['PID', 'pid'],
  ['%CPU', 'pcpu'],
  ['%MEM', 'pmem'],
  ['VSZ', 'vsz'],
  ['RSS', 'rss'],
  ['TTY', 'tty'],
  ['STAT', 'stat'],
  ['START', 'stime'],
  ['TIME', 'shortTime'],
  ['COMMAND', 'args'],
].map(([title = '', show = '']) => column(title, show));

/** ps's names of columns: title and meaning. */
const named: Readonly<Record<string, readonly [string, string]>> = {
  user: ['USER', 'user'],
  euser: ['EUSER', 'user'],
  ruser: ['RUSER', 'user'],
  uid: ['UID', 'uid'],
  euid: ['EUID', 'uid'],
  pid: ['PID', 'pid'],
  ppid: ['PPID', 'ppid'],
  c: ['C', 'c'],
  pcpu: ['%CPU', 'pcpu'],
  '%cpu': ['%CPU', 'pcpu'],
  pmem: ['%MEM', 'pmem'],
  '%mem': ['%MEM', 'pmem'],
  vsz: ['VSZ', 'vsz'],
  rss: ['RSS', 'rss'],
  tty: ['TT', 'tty'],
  tt: ['TT', 'tty'],
  tname: ['TTY', 'tty'],
  stat: ['STAT', 'stat'],
  s: ['S', 'stat'],
  state: ['S', 'stat'],
  stime: ['STIME', 'stime'],
  start_time: ['START', 'stime'],
  etime: ['ELAPSED', 'etime'],
  time: ['TIME', 'time'],
  cputime: ['TIME', 'time'],
  ni: ['NI', 'ni'],
  nice: ['NI', 'ni'],
  pri: ['PRI', 'pri'],
  nlwp: ['NLWP', 'nlwp'],
  comm: ['COMMAND', 'comm'],
  ucmd: ['CMD', 'comm'],
  args: ['COMMAND', 'args'],
  cmd: ['CMD', 'args'],
  command: ['COMMAND', 'args'],
};

/** @throws invalid-argument for what our ps does not know; a list needs its pid, as Docker says */
function columnsOf(psArgs: string): readonly Column[] {
  const list = /(?:^|\s)-?[a-zA-Z]*o\s*([\w%,=]+(?:\s*,\s*[\w%=]+)*)/.exec(psArgs)?.[1];
  if (list === undefined) return /^[^-]*u/.test(psArgs) ? byUser : full;
  const columns = list.split(',').map(text => {
    const [name = '', title] = text.trim().split('=', 2);
    const known = named[name.toLowerCase()];
    if (!known) throw invalidArgument(`ps: error: unknown user-defined format specifier "${name}"`);
    return column(title ?? known[0], known[1]);
  });
  if (!columns.some(({ title }) => title === 'PID')) throw invalidArgument("Couldn't find PID field in ps output");
  return columns;
}

/** Undefined when the process is gone. Fields as proc_pid_stat(5) counts them. */
function readProcess(pid: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const field = (number: number): number => Number(fields[number - 3]);
    const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
    return {
      pid,
      ppid: field(4),
      uid: Number(uid),
      state: fields[0] ?? '?',
      terminal: field(7),
      cpuTicks: field(14) + field(15),
      priority: field(18),
      nice: field(19),
      threads: field(20),
      startTicks: field(22),
      virtualBytes: field(23),
      residentPages: field(24),
      name,
      command,
    };
  } catch {
    return undefined;
  }
}

function userNames(): Users {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  return new Map(lines.map(line => line.split(':')).map(([name = '', , uid]) => [Number(uid), name]));
}

const uptimeSeconds = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ', 1)[0]);
const totalMemoryKb = (): number => Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 1);
