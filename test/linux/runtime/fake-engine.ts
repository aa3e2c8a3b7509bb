import { createLog } from '../../../base/log.ts';
import { keeperProgram, openRuntime } from '../../../guest-agent/runtime/index.ts';

/** Launches what comes on standard input, says so, and waits to be killed. */
const [execRoot = ''] = process.argv.slice(2);
const chunks: Buffer[] = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const requests = JSON.parse(Buffer.concat(chunks).toString());
const runtime = await openRuntime({ execRoot, keeperProgram: keeperProgram('dist/keeper.cjs'), log: createLog() });
// Nobody reads the FIFOs of these containers, except the keeper, which must do.
for (const request of requests) await runtime.launch(request);
console.log('launched');
setInterval(() => undefined, 1000);
