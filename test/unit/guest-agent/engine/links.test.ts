import { describe, expect, it } from 'vitest';
import type { ContainerRecord } from '../../../../guest-agent/engine/container-record.ts';
import { linkVariables, parseLink } from '../../../../guest-agent/engine/links.ts';

describe('a link', () => {
  it.each([
    ['db', 'db', 'db'],
    ['db:base', 'db', 'base'],
    ['/db:/web/base', 'db', 'base'],
  ])('%s is to %s as %s', (text, name, alias) => expect(parseLink(text)).toEqual({ name, alias }));

  it('of another form is refused', () => {
    expect(() => parseLink('a:b:c')).toThrow('bad format for links: a:b:c');
    expect(() => parseLink('')).toThrow('empty string specified for links');
  });

  it('is told by variables: the first TCP port, every port, the name, and what the other has in its environment', () => {
    const other = {
      config: { ExposedPorts: { '53/udp': {}, '6379/tcp': {}, '80/tcp': {} }, Env: ['HOME=/x', 'PATH=/y', 'WORD=a=b'] },
      sandbox: { endpoints: [{ networkName: 'bridge', ipAddress: '172.17.0.2' }] },
    } as unknown as ContainerRecord;
    const variables = linkVariables('/web/my-db', 'my-db', other);
    expect(variables[0]).toBe('MY_DB_PORT=tcp://172.17.0.2:80');
    expect(variables.slice(1, 5)).toEqual([
      'MY_DB_PORT_80_TCP=tcp://172.17.0.2:80',
      'MY_DB_PORT_80_TCP_ADDR=172.17.0.2',
      'MY_DB_PORT_80_TCP_PORT=80',
      'MY_DB_PORT_80_TCP_PROTO=tcp',
    ]);
    expect(variables).toContain('MY_DB_PORT_53_UDP=udp://172.17.0.2:53');
    expect(variables.slice(-2)).toEqual(['MY_DB_NAME=/web/my-db', 'MY_DB_ENV_WORD=a=b']);
  });
});
