import { settledWithin } from '../../base/clock.ts';
import { unavailable } from '../../contracts/errors.ts';
import { readQemuRecord } from '../machine/index.ts';
import { findHost } from './host-control.ts';
import { findNativeAgent } from './native-agent.ts';
import { seconds } from './progress.ts';
import { openHostLog, openMachine, type Surroundings } from './surroundings.ts';

/** A clean stop has its own deadlines, all of them below this. */
const limitMs = 120_000;

/** `berth down`: ends what `berth up` started, wherever that is; also a machine whose host program is gone. */
export async function down(around: Surroundings): Promise<void> {
  const began = performance.now();
  if (await stopHost(around)) return around.tell(`stopped after ${seconds(performance.now() - began)}`);
  const native = findNativeAgent(around);
  if (native) await native.end();
  else if (readQemuRecord(around.home.machine)) await stopOrphan(around);
  else return around.tell('berth is not running');
  return around.tell(`its host program was gone; stopped after ${seconds(performance.now() - began)}`);
}

async function stopHost(around: Surroundings): Promise<boolean> {
  const host = await findHost(around.home);
  if (!host) return false;
  await host.call('stop', {});
  if (!(await settledWithin(host.closed, limitMs))) {
    throw unavailable(`berth is still stopping after ${limitMs / 1000} s: see \`berth logs\``);
  }
  return true;
}

/** Takes the machine over, to end it in order; one that cannot be taken over is ended by the attempt. */
async function stopOrphan(around: Surroundings): Promise<void> {
  const machine = openMachine(around, openHostLog(around));
  await machine.start(() => undefined).catch(error => around.tell(`the machine did not answer: ${error.message}`));
  await machine.stop();
}
