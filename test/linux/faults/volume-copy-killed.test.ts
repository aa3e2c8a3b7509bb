import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeRegistry } from '../../fakes/fake-registry.ts';
import { eventually } from '../../support/eventually.ts';
import { long, randomSequence, startFaultyEngine, whyNot } from './faulty-engine.ts';

const reason = whyNot();
if (reason) console.log(`skipped: ${reason}`);

const kills = long ? 200 : 8;
const files = 1500;

describe.skipIf(reason)('an agent killed while a volume takes over what the image has', () => {
  it('leaves it empty or complete, and the next container finds it complete', { timeout: kills * 20_000 }, async () => {
    const registry = await FakeRegistry.start();
    onTestFinished(() => registry.stop());
    const data = Array.from({ length: files }, (_, index) => [`data/${index}`, `${index}`]);
    await registry.addImage('full', [Object.fromEntries(data)]);
    const engine = await startFaultyEngine();
    await engine.docker('pull', '-q', `${registry.host}/app:full`);
    const random = randomSequence(20_261_121);
    const found: number[] = [];
    for (let kill = 0; kill < kills; kill++) {
      const volume = `volume${kill}`;
      const folder = join(engine.root, 'volumes', volume);
      const inVolume = (): number => readdirSync(join(folder, '_data')).length;
      const create = { Image: `${registry.host}/app:full`, HostConfig: { Binds: [`${volume}:/data`] } };
      const creation = engine.api('POST', '/containers/create', create).catch(() => undefined);
      const delayMs = random() * 150;
      await eventually('the copy has begun', () => inVolume() > 0 || readdirSync(folder).length > 2);
      await new Promise(resolve => setTimeout(resolve, delayMs));
      await engine.kill();
      await creation;
      await engine.restart();
      found.push(inVolume());
      expect([0, files]).toContain(inVolume());
      expect(readdirSync(folder).sort()).toEqual(['_data', 'volume.json']);
      await engine.api('POST', '/containers/create', create);
      expect(inVolume()).toBe(files);
    }
    console.log('files in the volumes after the kills:', found.join(' '));
    await engine.endWithoutTrace();
  });
});
