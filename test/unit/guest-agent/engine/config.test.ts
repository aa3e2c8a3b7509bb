import { describe, expect, it } from 'vitest';
import { commandOf, environmentOf, mergeConfig } from '../../../../guest-agent/engine/config.ts';

const image = {
  Cmd: ['serve'],
  Entrypoint: ['/entry'],
  Env: ['PATH=/bin', 'LANG=C'],
  User: 'www',
  WorkingDir: '/srv',
  ExposedPorts: { '80/tcp': {} },
  Labels: { from: 'image', kept: 'yes' },
};

describe('mergeConfig', () => {
  it('takes from the image what the request does not say', () => {
    const merged = mergeConfig({ Env: ['LANG=de'], Labels: { from: 'request' } }, image);
    expect(commandOf(merged)).toEqual(['/entry', 'serve']);
    expect(merged).toMatchObject({ User: 'www', WorkingDir: '/srv', Labels: { from: 'request', kept: 'yes' } });
    expect(merged.Env).toEqual(['LANG=de', 'PATH=/bin']);
  });

  it.each([
    ['a command replaces the command', { Cmd: ['sh'] }, ['/entry', 'sh']],
    ['an entrypoint drops the command', { Entrypoint: ['sh'] }, ['sh']],
    ["`--entrypoint ''` drops both", { Entrypoint: [''] }, []],
    ["`--entrypoint ''` with a command", { Entrypoint: [''], Cmd: ['true'] }, ['true']],
  ])('%s', (_what, request, command) => {
    expect(commandOf(mergeConfig(request, image))).toEqual(command);
  });
});

describe('environmentOf', () => {
  it('lets a variable without a value take it away', () => {
    expect(environmentOf({ Tty: true, Env: ['TERM', 'PATH=/x', 'A=b=c'] }, 'host')).toEqual([
      'PATH=/x',
      'HOSTNAME=host',
      'A=b=c',
    ]);
  });
});
