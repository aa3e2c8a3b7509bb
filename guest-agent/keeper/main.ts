import { chmodSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { becomeNonDumpable, tryLock } from '../syscalls/process.ts';
import { Keeper } from './keeper.ts';
import { onLines } from './lines.ts';
import type { KeeperMessage, SentRequest } from './protocol.ts';

/**
 * The keeper: parent of every container of one engine, and nothing else. It forks itself for each process, reaps it,
 * remembers how it ended and holds what must outlive an engine that dies. `keeper.cjs EXEC_ROOT`; the engine starts it
 * as `node --single-threaded --v8-pool-size=0 --disable-sigusr1`, in a session of its own and with an empty environment.
 */
const anotherIsRunning = 3;

function main(execRoot: string | undefined): void {
  becomeNonDumpable();
  if (!execRoot) throw new Error('usage: keeper EXEC_ROOT');
  if (!tryLock(openSync(join(execRoot, 'keeper.lock'), 'w'))) process.exit(anotherIsRunning);
  process.chdir('/');
  surviveMemoryShortage();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  serve(join(execRoot, 'keeper.sock'));
}

/** Lowest that it may: without CAP_SYS_RESOURCE it stays as it is. */
function surviveMemoryShortage(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '-999');
  } catch {
    // Then it takes its chances like everybody else.
  }
}

function serve(path: string): void {
  const clients = new Set<Socket>();
  const send = (socket: Socket, message: KeeperMessage): void => void socket.write(`${JSON.stringify(message)}\n`);
  const keeper = new Keeper(event => {
    for (const client of clients) send(client, event);
  });
  const server = createServer(socket => {
    clients.add(socket);
    socket.on('close', () => {
      clients.delete(socket);
      keeper.left();
    });
    socket.on('error', () => socket.destroy());
    onLines(socket, line => {
      const { request, ...asked } = JSON.parse(line) as SentRequest;
      void keeper.answer(asked).then(answer => {
        if (request !== undefined) send(socket, { reply: request, ...answer });
      });
    });
  });
  rmSync(path, { force: true }); // left by one that died: the lock says that none is there
  process.umask(0o177);
  server.listen(path, () => chmodSync(path, 0o600));
}

main(process.argv[2]);
