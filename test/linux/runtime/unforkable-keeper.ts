import { createServer } from 'node:net';
import { join } from 'node:path';
import { onLines } from '../../../guest-agent/keeper/lines.ts';
import { type KeeperMessage, protocolVersion, type SentRequest } from '../../../guest-agent/keeper/protocol.ts';

/** A keeper on a Node of which every forked child hangs: `unforkable-keeper.ts EXEC_ROOT`. It would start whatever it is told to. */
const answers: { [Op in SentRequest['op']]?: Omit<KeeperMessage & { reply: number }, 'reply'> } = {
  hello: { hello: { version: protocolVersion, pid: process.pid } },
  canary: { canary: 'a forked child hangs' },
};

createServer(socket => {
  onLines(socket, line => {
    const { op, request } = JSON.parse(line) as SentRequest;
    socket.write(`${JSON.stringify({ reply: request, ...answers[op] })}\n`);
    if (op === 'stop') process.exit();
  });
}).listen(join(process.argv[2] ?? '', 'keeper.sock'));
