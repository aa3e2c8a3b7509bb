import koffi from 'koffi';
import { errnoName } from './errno.ts';

const libc = koffi.load('libc.so.6');

/**
 * A system call said no. `call` is its name, `code` the errno's name (`ENOENT`), `subject` what it was about
 * (a path, a pid). The room that knows what that means translates it and keeps it as `cause`.
 */
export class SyscallError extends Error {
  override readonly name = 'SyscallError';
  readonly call: string;
  readonly errno: number;
  readonly code: string;
  readonly subject: string;

  constructor(call: string, errno: number, subject: string) {
    const code = errnoName(errno);
    super(`${call}${subject ? ` ${subject}` : ''}: ${code}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
    this.subject = subject;
  }
}

/** True for a {@link SyscallError}, of one of `codes` if any are given. */
export function isSyscallError(error: unknown, ...codes: string[]): error is SyscallError {
  return error instanceof SyscallError && (codes.length === 0 || codes.includes(error.code));
}

/**
 * Binds a function of the C library once, by its prototype. `Signature` is its shape in TypeScript:
 * 64-bit integers come back as numbers while they fit.
 */
export function declare<Signature extends (...args: never[]) => unknown>(prototype: string): Signature {
  return libc.func(prototype) as unknown as Signature;
}

/** Another C library, loaded on first use: `libseccomp.so.2`, `libnftables.so.1`. @throws Error when it is not installed. */
export function openLibrary(name: string): <S extends (...args: never[]) => unknown>(prototype: string) => S {
  const library = load(name);
  return <S extends (...args: never[]) => unknown>(prototype: string) => library.func(prototype) as unknown as S;
}

function load(name: string): ReturnType<typeof koffi.load> {
  try {
    return koffi.load(name);
  } catch (cause) {
    throw new Error(`the library ${name} is not installed, or cannot be loaded`, { cause });
  }
}

/** The errno of the last call; read it before anything else calls the C library. */
export const errno = (): number => koffi.errno();

/** Passes a call's result on, or throws {@link SyscallError} when it is -1. */
export function check(call: string, result: number, subject: string | number = ''): number {
  if (result === -1) throw new SyscallError(call, koffi.errno(), String(subject));
  return result;
}
