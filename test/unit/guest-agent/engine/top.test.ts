import { describe, expect, it } from 'vitest';
import { parsePsArguments } from '../../../../guest-agent/engine/top.ts';

const titles = (options: string): string =>
  parsePsArguments(options)
    .columns.map(({ title }) => title)
    .join(' ');

describe('the options of docker top', () => {
  it.each([
    ['', 'UID PID PPID C STIME TTY TIME CMD'],
    ['-e', 'PID TTY TIME CMD'],
    ['-eF', 'UID PID PPID C SZ RSS PSR STIME TTY TIME CMD'],
    ['auxww', 'USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND'],
    ['ax', 'PID TTY STAT TIME COMMAND'],
    ['-aux', 'USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND'],
    ['-x', 'PID TTY STAT TIME COMMAND'],
    ['axj', 'PPID PID PGID SID TTY TPGID STAT UID TIME COMMAND'],
    ['-eo pid,comm', 'PID COMMAND'],
    ['-opid -o comm=NAME', 'PID NAME'],
    ['axo user,pid=PID', 'USER PID'],
    ['--format=pid,etime', 'PID ELAPSED'],
  ])('%s: columns as ps has them', (options, expected) => {
    expect(titles(options)).toBe(expected);
  });

  it('chooses by pid and by name, and draws a tree on demand', () => {
    const process = { pid: 7, name: 'sh' } as Parameters<ReturnType<typeof parsePsArguments>['selects']>[0];
    for (const options of ['-ef', '-p 7', '-fp 1,7', '7', '-C sh', '-fC cat,sh'])
      expect(parsePsArguments(options).selects(process), options).toBe(true);
    for (const options of ['-p 1', '-C cat']) expect(parsePsArguments(options).selects(process), options).toBe(false);
    for (const options of ['axf', '-ef --forest', '-efH']) expect(parsePsArguments(options).asTree, options).toBe(true);
    expect(parsePsArguments('-ef').asTree).toBe(false);
  });

  it.each([
    ['-o comm', "Couldn't find PID field in ps output"],
    ['-o pid,nope', 'ps: error: unknown user-defined format specifier "nope"'],
    ['-eL', 'ps: error: unsupported SysV option'],
    ['axn', 'ps: error: unsupported BSD option'],
    ['-- -e', 'ps: error: garbage option'],
    ['--nope', 'ps: error: unknown gnu long option'],
  ])('refuses %s', (options, message) => {
    expect(() => parsePsArguments(options)).toThrow(message);
  });
});
