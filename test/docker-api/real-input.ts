import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { fileTests } from './real/files.ts';
import { imageTests } from './real/images.ts';
import { networkTests } from './real/networking.ts';
import { outputTests } from './real/output.ts';
import { processTests } from './real/processes.ts';
import { type RegistryPorts, removeAll, type Stage, type Subject, setStage } from './real/subject.ts';
import { terminalTests } from './real/terminals.ts';

/**
 * Real images of Debian's own tools, from Debian's registry, with the genuine `docker` command. `open` tells where the
 * engine is once its tests begin; it stays the caller's.
 */
export function realInput(name: string, open: () => Promise<{ subject: Subject; ports: RegistryPorts }>): void {
  describe(`${name}: real input`, { timeout: 240_000 }, () => {
    let stage: Stage;
    let ports: RegistryPorts;
    beforeAll(async () => {
      const opened = await open();
      ports = opened.ports;
      stage = await setStage(opened.subject, ports);
    }, 600_000);
    afterEach(() => removeAll(stage)); // so that one failure is one
    afterAll(() => stage?.close());

    imageTests(
      () => stage,
      () => ports,
    );
    processTests(() => stage);
    terminalTests(() => stage);
    outputTests(() => stage);
    fileTests(() => stage);
    networkTests(() => stage);
  });
}
