import { basename } from 'node:path';
import { ReadStream, WriteStream } from 'node:tty';
import { passDescriptor } from '../syscalls/descriptor-passing.ts';
import { setTerminalSize } from '../syscalls/terminal.ts';
import { fail } from './failure.ts';

/** Gives the master of a container's terminal to whoever listens at `socket`. @throws RuntimeFailure */
export function passTerminal(socket: string, master: number): void {
  try {
    passDescriptor(socket, master, basename(socket));
  } catch (error) {
    throw fail(`unable to pass the terminal to ${socket}: ${(error as Error).message}`, error);
  }
}

/** Our own terminal, if any, becomes the container's, until the returned function is called. */
export function relayTerminal(master: number): () => void {
  const { stdin, stdout } = process;
  const fromContainer = new ReadStream(master);
  const toContainer = new WriteStream(master);
  const resize = (): void => setTerminalSize(master, stdout.rows ?? 0, stdout.columns ?? 0);
  fromContainer.on('error', () => undefined); // EIO: nobody has it open any more
  fromContainer.pipe(stdout, { end: false });
  stdin.pipe(toContainer);
  if (stdin.isTTY) stdin.setRawMode(true);
  if (stdout.isTTY) {
    resize();
    stdout.on('resize', resize);
  }
  return () => {
    stdout.off('resize', resize);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.unpipe(toContainer);
    stdin.pause();
    fromContainer.destroy();
  };
}
