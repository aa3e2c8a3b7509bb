import { createLog } from '../../../base/log.ts';
import { keeperProgram, openRuntime } from '../../../guest-agent/runtime/index.ts';

/** Launches what comes on standard input, says its pids, and waits to be killed. */
const [execRoot = ''] = process.argv.slice(2);
const chunks: Buffer[] = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const requests = JSON.parse(Buffer.concat(chunks).toString());
const runtime = await openRuntime({ execRoot, keeperProgram: keeperProgram('dist/keeper.cjs'), log: createLog() });
// Nobody reads the FIFOs of these containers, except the keeper, which must do.
const pids: number[] = [];
for (const request of requests) pids.push((await runtime.launch(request)).pid);
console.log(JSON.stringify(pids));
setInterval(() => undefined, 1000);
