import type { Socket } from 'node:net';

/** Calls `take` for each whole line that comes, until what comes back is called. */
export function onLines(socket: Socket, take: (line: string) => void): () => void {
  let rest = '';
  socket.setEncoding('utf8');
  const onData = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  };
  socket.on('data', onData);
  return () => void socket.off('data', onData);
}
