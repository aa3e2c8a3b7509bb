import { existsSync, readFileSync } from 'node:fs';
import type { Runtime } from './contract.ts';

/**
 * For tests of the whole engine: launches fail at the step of their plan whose number is in `file`, as long as there is
 * such a file. The first step has number 0; one that the plan does not have does not fail.
 */
export function withFaultPoints(runtime: Runtime, file: string): Runtime {
  const asOrdered = <Request extends object>(request: Request): Request =>
    existsSync(file) ? { ...request, failAtStep: Number(readFileSync(file, 'utf8')) } : request;
  return {
    expectLaunch: launch => runtime.expectLaunch(launch),
    launch: request => runtime.launch(asOrdered(request)),
    exec: request => runtime.exec(asOrdered(request)),
    checkpoint: request => runtime.checkpoint(request),
    reattach: () => runtime.reattach(),
    forget: id => runtime.forget(id),
    status: () => runtime.status(),
    close: options => runtime.close(options),
  };
}
