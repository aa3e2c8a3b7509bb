import { createServer } from 'node:net';
import { join } from 'node:path';
import { onLines } from '../../../guest-agent/keeper/keeper.ts';
import { type KeeperMessage, type NumberedRequest, protocolVersion } from '../../../guest-agent/keeper/protocol.ts';

/** A keeper on a Node of which every forked child hangs: `unforkable-keeper.ts EXEC_ROOT`. It would start whatever it is told to. */
const answers: { [Op in NumberedRequest['op']]?: Omit<KeeperMessage & { reply: number }, 'reply'> } = {
  hello: { hello: { version: protocolVersion, pid: process.pid } },
  canary: { canary: 'a forked child hangs' },
};

createServer(socket => {
  onLines(socket, line => {
    const { op, request } = JSON.parse(line) as NumberedRequest;
    socket.write(`${JSON.stringify({ reply: request, ...answers[op] })}\n`);
    if (op === 'stop') process.exit();
  });
}).listen(join(process.argv[2] ?? '', 'keeper.sock'));
