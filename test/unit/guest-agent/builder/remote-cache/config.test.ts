import { expect, test } from 'vitest';
import type { ChainId, DiffId, Digest } from '../../../../../contracts/oci/digest.ts';
import {
  cacheConfigOf,
  chainsIn,
  inlineRecords,
  type RemoteLayer,
} from '../../../../../guest-agent/builder/remote-cache/config.ts';
import type { Image } from '../../../../../guest-agent/images/index.ts';

const digestOf = (letter: string): Digest => `sha256:${letter.repeat(64)}` as Digest;
const imageOf = (...letters: string[]): Image => {
  const chainIds = letters.map((_, place) => `chain ${letters.slice(0, place + 1).join('')}` as ChainId);
  return { chainIds, topChainId: chainIds.at(-1), createdAt: new Date(0) } as Image;
};
const layers = new Map<Digest, RemoteLayer>(
  ['a', 'b', 'c'].map(letter => [
    digestOf(letter),
    { descriptor: { mediaType: '', digest: digestOf(letter), size: 1 }, diffId: digestOf(letter) as DiffId },
  ]),
);
const forms = new Map(
  ['a', 'ab', 'ac'].map(chain => [
    `chain ${chain}` as ChainId,
    { mediaType: '', digest: digestOf(chain.at(-1) ?? ''), size: 1 },
  ]),
);
const steps = new Map([
  ['one', imageOf('a', 'b')],
  ['two', imageOf('a', 'c')],
]);
const lettersOf = (chain: readonly RemoteLayer[] | undefined) => chain?.map(({ diffId }) => diffId[7]).join('');

test('what is written of steps is read again', () => {
  const config = cacheConfigOf(steps, forms);
  expect(config.layers).toHaveLength(3);
  const chains = chainsIn(JSON.parse(JSON.stringify(config)), layers);
  expect([...chains].map(([key, chain]) => [key, lettersOf(chain)])).toEqual([
    ['one', 'ab'],
    ['two', 'ac'],
  ]);
});

test('an image says of the steps that are among its layers', () => {
  const records = Buffer.from(inlineRecords(steps, imageOf('a', 'b')) ?? '', 'base64').toString();
  expect(JSON.parse(records)).toEqual([
    { digest: 'sha256:one', layers: [{ layer: 1, createdAt: '1970-01-01T00:00:00.000Z' }] },
  ]);
  expect(inlineRecords(steps, imageOf('x'))).toBeUndefined();
});

/** As dockerd 28.5 wrote it for two steps on a base; a parent that is the first layer goes without saying. */
const ofBuildKit = {
  layers: [{ blob: digestOf('a'), parent: -1 }, { blob: digestOf('c'), parent: 2 }, { blob: digestOf('b') }],
  records: [
    {
      layers: [{ layer: 2, createdAt: '2026-11-21T10:32:32.537779281Z' }],
      digest: 'sha256:16cc',
      inputs: [[{ selector: 'sha256:8a5e', link: 1 }]],
    },
    { digest: 'sha256:a613' },
    {
      layers: [{ layer: 1, createdAt: '2026-11-21T10:32:32.566452699Z' }],
      digest: 'sha256:d9de',
      inputs: [[{ link: 0 }]],
    },
  ],
};

test("BuildKit's caches are read, and what does not hold together is no result", () => {
  const chains = chainsIn(ofBuildKit, layers);
  expect([...chains].map(([key, chain]) => [key, lettersOf(chain)])).toEqual([
    ['16cc', 'ab'],
    ['d9de', 'abc'],
  ]);
  const looping = {
    layers: [{ blob: digestOf('a'), parent: 0 }],
    records: [{ digest: 'sha256:x', layers: [{ layer: 0 }] }],
  };
  expect(chainsIn(looping, layers).size).toBe(0);
  expect(chainsIn(ofBuildKit, new Map()).size).toBe(0);
});
