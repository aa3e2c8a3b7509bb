import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../../../../guest-agent/builder/buildkit/messages.ts';
import { type Definition, readGraph } from '../../../../../guest-agent/builder/graph/graph.ts';
import { wholeHistory } from '../../../../../guest-agent/builder/graph/image.ts';
import type { Image } from '../../../../../guest-agent/images/index.ts';
import { GraphMaker, make } from '../../../../support/graph.ts';

const received = (definition: object): Definition => decode('Definition', encode('Definition', definition));

describe('a graph as it comes', () => {
  it('names its operations as BuildKit does, and what a client calls them otherwise', () => {
    const graph = new GraphMaker();
    const image = graph.image();
    const file = graph.files([image], [make.file('/a', ''), make.link('/l', 'a')]);
    const named = graph.add({ source: { identifier: 'local://context' } }, [], {
      description: { 'llb.customname': 'its own name' },
      ignore_cache: true,
    });
    const top = graph.merge([graph.diff(image, file), named]);
    const { vertices, target } = readGraph(received(graph.definition(top)));
    const difference = '(docker-image://docker.io/library/busybox:latest) -> (mkfile /a, symlink /l -> a)';
    expect(vertices.get(target.digest)?.name).toBe(`merge (diff ${difference}, its own name)`);
    expect(vertices.get(named.digest)?.isFresh).toBe(true);
  });

  it('is refused without an end, or where something is missing', () => {
    const graph = new GraphMaker();
    const digest = 'sha256:none';
    expect(() => readGraph(received({ def: [encode('Operation', {})] }))).toThrow('names the result');
    const broken = graph.definition(graph.files([{ digest, index: 0 }], [make.file('/a', '')]));
    expect(() => readGraph(received(broken))).toThrow(`invalid missing input digest ${digest}`);
  });

  it('has names of a length that can be read, however merges are merged', () => {
    const graph = new GraphMaker();
    let node = graph.image();
    for (let depth = 0; depth < 100; depth++) node = graph.merge([node, node]);
    const { vertices, target } = readGraph(received(graph.definition(node)));
    expect(vertices.get(target.digest)?.name).toHaveLength(1000);
  });
});

describe('the history of an image', () => {
  const lines = ['one', 'two'].map(created_by => ({ created: '2026-01-01T00:00:00Z', created_by }));
  const root = { config: { history: [...lines, { empty_layer: true }] }, layers: [{}, {}] } as unknown as Image;
  const said = (created_by: string): { created_by: string } => ({ created_by });

  it('has a line for each layer', () => {
    const told = wholeHistory([said('mine'), { created_by: 'none', empty_layer: true }], root);
    expect(told.map(({ created_by, empty_layer = false }) => [created_by, empty_layer])).toEqual([
      ['mine', false],
      ['none', true],
      ['two', false],
    ]);
    expect(told[0]?.created).toBe('2026-01-01T00:00:00Z');
  });

  it('has no layer for lines that are too many', () => {
    const told = wholeHistory(['a', 'b', 'c'].map(said), root);
    expect(told.map(({ empty_layer = false }) => empty_layer)).toEqual([true, false, false]);
  });
});
