import { describe, expect, it } from 'vitest';
import {
  containerResolver,
  extraHostLines,
  hostsText,
  parseResolver,
  resolverText,
} from '../../../../guest-agent/networks/host-files.ts';

const host = parseResolver(
  '# written by hand\nnameserver 127.0.0.53\nnameserver 10.0.0.2 ; ours\nsearch a.example b.example\noptions ndots:2\n',
);
const away = { loopbackWorks: false };

describe('resolv.conf', () => {
  it("is the host's without its loopback resolvers", () => {
    expect(resolverText(containerResolver(host, {}, away))).toBe(
      'nameserver 10.0.0.2\nsearch a.example b.example\noptions ndots:2\n',
    );
  });

  it("keeps loopback on the host's own network, and falls back to public ones without any", () => {
    expect(containerResolver(host, {}, { loopbackWorks: true }).servers).toEqual(['127.0.0.53', '10.0.0.2']);
    expect(containerResolver(parseResolver('nameserver ::1'), {}, away).servers).toEqual(['8.8.8.8', '8.8.4.4']);
  });

  it('follows the wishes of the user; a dot empties the search list', () => {
    const wish = { servers: ['127.0.0.5'], search: ['.'], options: ['rotate'] };
    expect(resolverText(containerResolver(host, wish, away))).toBe('nameserver 127.0.0.5\noptions rotate\n');
  });
});

describe('hosts', () => {
  it('names the container by its addresses', async () => {
    const extra = ['db:10.0.0.9', 'up=host-gateway', 'six:[fd00::1]', 'seven=fd00::2'].flatMap(text =>
      extraHostLines(text, () => ['172.17.0.1']),
    );
    const text = hostsText({ extra, addresses: ['172.17.0.2'], hostname: 'web', domainname: 'example.org' });
    await expect(text).toMatchFileSnapshot('__golden__/hosts');
  });

  it.each(['nothing', ':1.2.3.4', 'name:'])('refuses %j', text => {
    expect(() => extraHostLines(text, () => [])).toThrow('bad format for add-host');
  });
});
