// The agent's first lines: start-agent.cjs MOUNTED CACHE [ARGUMENT...]
// Node starts while the data disk is being mounted; then the agent is loaded, with the compiled code that is kept there.
const { existsSync } = require('node:fs');
const { enableCompileCache } = require('node:module');

const pauseMs = 5;
const [mounted, cache] = process.argv.splice(2, 2);
const clock = new Int32Array(new SharedArrayBuffer(4));
while (!existsSync(mounted)) Atomics.wait(clock, 0, 0, pauseMs);
enableCompileCache(cache);
require('./agent.cjs');
