import { describe, expect, it } from 'vitest';
import { changedConfig } from '../../../../guest-agent/engine/config-changes.ts';

describe('changes of a config', () => {
  it.each([
    ['CMD ["a", "b"]', { Cmd: ['a', 'b'] }],
    ['cmd a "b c"', { Cmd: ['/bin/sh', '-c', 'a "b c"'] }],
    ['CMD', { Cmd: [] }],
    ['ENV A=2 B="x y" C=\'z\' D=q\\ r', { Env: ['A=2', 'B=x y', 'C=z', 'D=q r'] }],
    ['ENV B two words', { Env: ['A=1', 'B=two words'] }],
    ['LABEL a.b="c=d"', { Labels: { 'a.b': 'c=d' } }],
    ['EXPOSE 80 53/udp', { ExposedPorts: { '80/tcp': {}, '53/udp': {} } }],
    ['WORKDIR sub', { WorkingDir: '/w/sub' }],
    ['WORKDIR /x/', { WorkingDir: '/x' }],
    ['VOLUME ["/a b"]', { Volumes: { '/a b': {} } }],
    ['HEALTHCHECK NONE', { Healthcheck: { Test: ['NONE'] } }],
    [
      'HEALTHCHECK --interval=1m30s --retries=2 CMD ["a"]',
      { Healthcheck: { Test: ['CMD', 'a'], Interval: 90e9, Retries: 2 } },
    ],
    ['HEALTHCHECK --timeout=500ms CMD a b', { Healthcheck: { Test: ['CMD-SHELL', 'a b'], Timeout: 5e8 } }],
  ])('%s', (instruction, expected) => {
    expect(changedConfig({ Env: ['A=1'], WorkingDir: '/w' }, [instruction])).toMatchObject(expected);
  });

  it('refuse flags that nobody knows', () => {
    for (const name of ['nope', 'constructor']) {
      const instruction = `HEALTHCHECK --${name}=1 CMD x`;
      expect(() => changedConfig({}, [instruction])).toThrow(`unknown flag: --${name}`);
    }
  });

  it('do not look for the end of a quote for ever', () => {
    expect(() => changedConfig({}, [`ENV A="${'\\a'.repeat(5000)}`])).toThrow("can't find =");
  });
});
