/** An engine in little: collects the output of one container until it ends, or until it is killed. */
import { createLog } from '../../../base/log.ts';
import { openLogs } from '../../../guest-agent/logs/index.ts';

const [workerFile = '', directory = '', stdout = '', stderr = '', maxSize = ''] = process.argv.slice(2);
const logs = openLogs({ workerFile, log: createLog() });
const options: Record<string, string> = maxSize ? { 'max-size': maxSize, 'max-file': '1000' } : {};
const output = logs.open({ id: 'x', directory, source: { stdout, stderr }, config: { type: 'json-file', options } });
setInterval(() => {}, 1000);
await output.ended;
await logs.close();
process.exit(0);
