import { chmodSync, chownSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

/** A connection of a program in a build to the SSH agent of the build's client. */
export interface AgentCall {
  send(data: Uint8Array): Promise<void>;
  end(): void;
  answers: AsyncIterable<Uint8Array>;
}

/** A unix socket whose connections go to the client's agent; keys never come here. Resolves with what closes it. */
export function serveAgent(
  path: string,
  connect: () => AgentCall,
  owner: { uid: number; gid: number; mode: number },
): Promise<() => void> {
  const open = new Set<Socket>();
  const server = createServer(socket => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    relay(socket, connect()).catch(() => socket.destroy());
  });
  const { promise, resolve, reject } = Promise.withResolvers<() => void>();
  server.once('error', reject);
  server.listen(path, () => {
    chownSync(path, owner.uid, owner.gid);
    chmodSync(path, owner.mode);
    resolve(() => {
      server.close();
      for (const socket of open) socket.destroy();
    });
  });
  return promise;
}

async function relay(socket: Socket, call: AgentCall): Promise<void> {
  socket.on('error', () => undefined);
  const asked = (async () => {
    for await (const data of socket as AsyncIterable<Buffer>) await call.send(data);
    call.end();
  })();
  asked.catch(() => socket.destroy());
  for await (const data of call.answers) socket.write(data);
  socket.end();
}
