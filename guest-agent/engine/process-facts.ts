import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** One process as /proc tells it. Ticks are of 10 ms (USER_HZ is 100 for every program on Linux). */
export interface ProcessFacts {
  pid: number;
  ppid: number;
  processGroup: number;
  session: number;
  terminal: number;
  /** The group in the foreground of its terminal. */
  terminalGroup: number;
  flags: number;
  uid: number;
  gid: number;
  state: string;
  /** User and system time together. */
  cpuTicks: number;
  startTicks: number;
  priority: number;
  nice: number;
  threads: number;
  cpu: number;
  virtualBytes: number;
  residentPages: number;
  /** Of memory that may not be swapped out. */
  lockedKilobytes: number;
  /** The kernel's function in which it sleeps; `-` when that is not to be known. */
  waitsIn: string;
  name: string;
  /** Empty for what has no arguments. */
  command: string;
}

/** Undefined when the process is gone. Fields as proc_pid_stat(5) counts them. */
export function readProcess(pid: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const field = (number: number): number => Number(fields[number - 3]);
    const effective = (key: string): number => Number(new RegExp(`^${key}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status)?.[1]);
    return {
      pid,
      ppid: field(4),
      processGroup: field(5),
      session: field(6),
      terminal: field(7),
      terminalGroup: field(8),
      flags: field(9),
      uid: effective('Uid'),
      gid: effective('Gid'),
      state: fields[0] ?? '?',
      cpuTicks: field(14) + field(15),
      priority: field(18),
      nice: field(19),
      threads: field(20),
      startTicks: field(22),
      cpu: field(39),
      virtualBytes: field(23),
      residentPages: field(24),
      lockedKilobytes: Number(/^VmLck:\s+(\d+)/m.exec(status)?.[1] ?? 0),
      waitsIn: waitChannel(pid),
      name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
      command: commandLine(pid),
    };
  } catch {
    return undefined;
  }
}

/** As much of it as ps shows: a process may have megabytes. */
const longestCommandLine = 128 * 1024;

function commandLine(pid: number): string {
  const file = openSync(`/proc/${pid}/cmdline`, 'r');
  try {
    const bytes = Buffer.allocUnsafe(longestCommandLine);
    return bytes.toString('utf8', 0, readSync(file, bytes)).split('\0').join(' ').trim();
  } finally {
    closeSync(file);
  }
}

function waitChannel(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/wchan`, 'latin1').replace(/^0?$/, '-');
  } catch {
    return '-';
  }
}

/** Names by numbers, of /etc/passwd or /etc/group on this machine. */
export function accountNames(file: string): ReadonlyMap<number, string> {
  const lines = readFileSync(file, 'utf8').split('\n');
  return new Map(lines.map(line => line.split(':')).map(([name = '', , id]) => [Number(id), name]));
}

export const uptimeSeconds = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ', 1)[0]);

export const totalMemoryKilobytes = (): number =>
  Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 1);
