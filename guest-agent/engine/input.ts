import { closeSync, constants, openSync, write } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where bytes for a process's standard input go. Never rejects: a process that is gone reads nothing. */
export interface InputSink {
  /** Resolves when there is room for more. */
  write(data: Buffer): Promise<void>;
  /** End of file for the process. */
  end(): void;
  /** Lets go of the descriptor without saying anything to the process. */
  close(): void;
}

/** The writing end of a FIFO whose reader is the process; undefined when that is gone already. */
export function openFifoInput(path: string, onEnd: () => void): InputSink | undefined {
  const fd = openWriter(path);
  if (fd === undefined) return undefined;
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.on('error', () => socket.destroy());
  return {
    write: data =>
      new Promise(resolve => {
        if (socket.destroyed || socket.writableEnded) return resolve();
        socket.write(data, () => resolve());
      }),
    end: () => {
      socket.end();
      onEnd();
    },
    close: () => socket.destroy(),
  };
}

/** Without waiting: a FIFO that nobody reads answers ENXIO. */
function openWriter(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENXIO' || code === 'ENOENT') return undefined;
    throw error;
  }
}

const fullTerminalPauseMs = 5;

/** A terminal's master. It never blocks: a program that does not read fills the terminal's buffer, and the writer waits. */
export function openTerminalInput(fd: number): InputSink {
  let open = true;
  let tail: Promise<void> = Promise.resolve();
  const put = async (data: Buffer): Promise<void> => {
    for (let rest = data; open && rest.length > 0; ) {
      const written = await writeSome(fd, rest);
      if (written === 'gone') return;
      if (written === 0) await sleep(fullTerminalPauseMs, undefined, { ref: false });
      rest = rest.subarray(written);
    }
  };
  return {
    write: data => {
      tail = tail.then(() => put(data));
      return tail;
    },
    end: () => undefined, // a terminal has no end of file but the user's ctrl-d
    close: () => {
      if (!open) return;
      open = false;
      void tail.then(() => closeSync(fd));
    },
  };
}

function writeSome(fd: number, data: Buffer): Promise<number | 'gone'> {
  return new Promise(resolve => {
    write(fd, data, 0, data.length, null, (error, written) => {
      if (!error) resolve(written);
      else resolve(error.code === 'EAGAIN' ? 0 : 'gone');
    });
  });
}
