import { type Processor, staticExecutable } from '../../base/elf.ts';
import { Assembler, type SystemCall, type Variable } from './assembler.ts';
import { amd64 } from './assembler-amd64.ts';
import { arm64 } from './assembler-arm64.ts';

const calls = {
  write: { amd64: 1, arm64: 64 },
  rtSigprocmask: { amd64: 14, arm64: 135 },
  ioctl: { amd64: 16, arm64: 29 },
  getpid: { amd64: 39, arm64: 172 },
  clone: { amd64: 56, arm64: 220 },
  execve: { amd64: 59, arm64: 221 },
  wait4: { amd64: 61, arm64: 260 },
  kill: { amd64: 62, arm64: 129 },
  setpgid: { amd64: 109, arm64: 154 },
  rtSigtimedwait: { amd64: 128, arm64: 137 },
  exitGroup: { amd64: 231, arm64: 94 },
} as const satisfies Record<string, SystemCall>;

const SIGCHLD = 17;
const SIG_SETMASK = 2;
const WNOHANG = 1;
const TIOCSPGRP = 0x5410;
const [ENOENT, ENOEXEC, EACCES, ENOTDIR] = [2, 8, 13, 20];
const signalSetBytes = 8;
const code = (character: string): number => character.charCodeAt(0);

/** On the stack: every signal, those that were blocked before, a word for the kernel's answers, a path being tried. */
const stack = { everySignal: 0, blockedBefore: 8, word: 16, path: 32, pathBytes: 4032, size: 4096 } as const;

const child: Variable = 0;
const one: Variable = 1;
const two: Variable = 2;
const error: Variable = 3;
const environment: Variable = 4;
const words: Variable = 5;
const byte: Variable = 6;
const limit: Variable = 7;
const name: Variable = 8;

/**
 * The program that Docker puts at /sbin/docker-init for `--init`: `docker-init -- COMMAND…`. It starts the command as a
 * process group of its own on the terminal, hands every signal on to it, collects whatever ends, and ends as it does.
 * A command without a slash is looked for as execvp(3) does.
 */
export function initProgram(processor: Processor): Buffer {
  const assembler = new Assembler(processor, processor === 'amd64' ? amd64 : arm64);
  begin(assembler);
  watch(assembler);
  becomeCommand(assembler);
  searchPath(assembler);
  giveUp(assembler);
  assembler.text('defaultPath', '/usr/local/bin:/bin:/usr/bin');
  assembler.text('fatal', '[FATAL docker-init] exec ');
  assembler.text('failed', ' failed: ');
  assembler.text('notFound', 'No such file or directory\n');
  assembler.text('denied', 'Permission denied\n');
  assembler.text('noProgram', 'Exec format error\n');
  assembler.text('otherwise', 'error\n');
  return staticExecutable(processor, assembler.assemble());
}

/** The stack begins with the number of words, and their addresses: program, `--`, command; then the environment's. */
function begin(a: Assembler): void {
  a.setStackAddress(words, 3 * 8);
  a.copy(environment, words);
  a.label('nextWord');
  a.load(one, environment, 8);
  a.add(environment, 8);
  a.jumpIf(one, 'different', 0, 'nextWord');
  a.reserve(stack.size);
  a.setStackAddress(one, 0);
  a.set(two, -1);
  a.store(two, one, 8, stack.everySignal);
  a.call(calls.rtSigprocmask, [
    SIG_SETMASK,
    { stack: stack.everySignal },
    { stack: stack.blockedBefore },
    signalSetBytes,
  ]);
  a.call(calls.clone, [SIGCHLD, 0, 0, 0, 0], child);
  a.jumpIf(child, 'equal', 0, 'command');
  a.jumpIf(child, 'less', 0, 'cannotFork');
}

/** Process 1: waits for signals, and ends when its child has. */
function watch(a: Assembler): void {
  a.label('wait');
  a.call(calls.rtSigtimedwait, [{ stack: stack.everySignal }, 0, 0, signalSetBytes], one);
  a.jumpIf(one, 'lessOrEqual', 0, 'wait');
  a.jumpIf(one, 'equal', SIGCHLD, 'collect');
  a.call(calls.kill, [{ variable: child }, { variable: one }]);
  a.jump('wait');
  a.label('collect');
  a.call(calls.wait4, [-1, { stack: stack.word }, WNOHANG, 0], one);
  a.jumpIf(one, 'lessOrEqual', 0, 'wait');
  a.jumpIfSame(one, child, 'over');
  a.jump('collect');
  a.label('over');
  a.setStackAddress(one, stack.word);
  a.load(two, one, 4);
  a.copy(one, two);
  a.mask(one, 0x7f);
  a.jumpIf(one, 'different', 0, 'killed');
  a.shiftRight(two, 8);
  a.mask(two, 0xff);
  a.call(calls.exitGroup, [{ variable: two }]);
  a.label('killed');
  a.add(one, 128);
  a.call(calls.exitGroup, [{ variable: one }]);
  a.label('cannotFork');
  a.call(calls.exitGroup, [1]);
}

/** The child: in front on the terminal, if there is one, with the signals as they were. */
function becomeCommand(a: Assembler): void {
  a.label('command');
  a.call(calls.setpgid, [0, 0]);
  a.call(calls.getpid, [], one);
  a.setStackAddress(two, stack.word);
  a.store(one, two, 4);
  a.call(calls.ioctl, [0, TIOCSPGRP, { stack: stack.word }]);
  a.call(calls.rtSigprocmask, [SIG_SETMASK, { stack: stack.blockedBefore }, 0, signalSetBytes]);
  a.load(one, words, 8);
  a.load(byte, one, 1);
  a.jumpIf(byte, 'equal', 0, 'asItIs');
  a.label('lookForSlash');
  a.load(byte, one, 1);
  a.jumpIf(byte, 'equal', 0, 'search');
  a.jumpIf(byte, 'equal', code('/'), 'asItIs');
  a.add(one, 1);
  a.jump('lookForSlash');
  a.label('asItIs');
  a.load(one, words, 8);
  a.call(calls.execve, [{ variable: one }, { variable: words }, { variable: environment }], error);
  a.jump('giveUp');
}

/** Tries the command in each folder of PATH, as execvp(3) does. */
function searchPath(a: Assembler): void {
  a.label('search');
  a.copy(one, environment);
  a.label('nextVariable');
  a.load(two, one, 8);
  a.jumpIf(two, 'equal', 0, 'noPath');
  a.add(one, 8);
  a.load(byte, two, 4);
  a.jumpIf(byte, 'different', Buffer.from('PATH').readInt32LE(), 'nextVariable');
  a.load(byte, two, 1, 4);
  a.jumpIf(byte, 'different', code('='), 'nextVariable');
  a.add(two, 5);
  a.jump('havePath');
  a.label('noPath');
  a.setAddress(two, 'defaultPath');
  a.label('havePath');
  a.set(error, -ENOENT);
  a.setStackAddress(limit, stack.path + stack.pathBytes);
  tryFolder(a);
  a.label('nextFolder');
  a.load(byte, two, 1);
  a.jumpIf(byte, 'equal', 0, 'giveUp');
  a.add(two, 1);
  a.jumpIf(byte, 'different', code(':'), 'nextFolder');
  a.jump('folder');
}

/** `two` is at a folder's name and stays within it: its end is looked for afterwards. */
function tryFolder(a: Assembler): void {
  a.label('folder');
  a.setStackAddress(one, stack.path);
  a.copy(name, two);
  a.label('copyFolder');
  a.load(byte, name, 1);
  a.jumpIf(byte, 'equal', 0, 'endOfFolder');
  a.jumpIf(byte, 'equal', code(':'), 'endOfFolder');
  a.store(byte, one, 1);
  a.add(one, 1);
  a.add(name, 1);
  a.jumpIfSame(one, limit, 'nextFolder');
  a.jump('copyFolder');
  a.label('endOfFolder');
  a.jumpIfSame(name, two, 'ownFolder'); // an empty name is the folder one is in
  a.set(byte, code('/'));
  a.store(byte, one, 1);
  a.add(one, 1);
  a.label('ownFolder');
  a.load(name, words, 8);
  a.label('copyName');
  a.jumpIfSame(one, limit, 'nextFolder');
  a.load(byte, name, 1);
  a.store(byte, one, 1);
  a.add(one, 1);
  a.add(name, 1);
  a.jumpIf(byte, 'different', 0, 'copyName');
  a.call(calls.execve, [{ stack: stack.path }, { variable: words }, { variable: environment }], byte);
  a.jumpIf(byte, 'equal', -ENOENT, 'nextFolder');
  a.jumpIf(byte, 'equal', -ENOTDIR, 'nextFolder');
  a.copy(error, byte);
  a.jumpIf(byte, 'different', -EACCES, 'giveUp');
}

/** Says why, and ends as a shell would: 127 not found, 126 not allowed. */
function giveUp(a: Assembler): void {
  a.label('giveUp');
  a.setAddress(one, 'fatal');
  say(a, 'sayFatal');
  a.load(one, words, 8);
  say(a, 'sayName');
  a.setAddress(one, 'failed');
  say(a, 'sayFailed');
  a.set(byte, 127);
  a.setAddress(one, 'notFound');
  a.jumpIf(error, 'equal', -ENOENT, 'sayWhy');
  a.set(byte, 126);
  a.setAddress(one, 'denied');
  a.jumpIf(error, 'equal', -EACCES, 'sayWhy');
  a.set(byte, 1);
  a.setAddress(one, 'noProgram');
  a.jumpIf(error, 'equal', -ENOEXEC, 'sayWhy');
  a.setAddress(one, 'otherwise');
  a.label('sayWhy');
  say(a, 'sayReason');
  a.call(calls.exitGroup, [{ variable: byte }]);
}

/** Writes the text at `one` to standard error, a byte at a time. */
function say(a: Assembler, label: string): void {
  a.label(label);
  a.load(two, one, 1);
  a.jumpIf(two, 'equal', 0, `${label} done`);
  a.call(calls.write, [2, { variable: one }, 1]);
  a.add(one, 1);
  a.jump(label);
  a.label(`${label} done`);
}
