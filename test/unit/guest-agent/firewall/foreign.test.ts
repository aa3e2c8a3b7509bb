import { describe, expect, it } from 'vitest';
import {
  admissionCommands,
  dismissalCommands,
  type Listing,
  placesIn,
} from '../../../../guest-agent/firewall/foreign.ts';

const chain = (family: string, table: string, name: string, base: Record<string, string> = {}) => ({
  chain: { family, table, name, ...base },
});
const forward = (policy: string) => ({ type: 'filter', hook: 'forward', policy });
const rules = (...listed: { handle: number; comment?: string; expr?: Record<string, unknown>[] }[]): Listing => ({
  nftables: listed.map(rule => ({ rule })),
});

describe("rules in other people's chains", () => {
  const listing: Listing = {
    nftables: [
      chain('ip', 'filter', 'FORWARD', forward('accept')),
      chain('ip', 'filter', 'DOCKER-USER'),
      chain('ip6', 'filter', 'FORWARD', forward('drop')),
      chain('inet', 'kind', 'forward', forward('accept')),
      chain('bridge', 'filter', 'FORWARD', forward('drop')),
      chain('ip', 'filter', 'INPUT', { type: 'filter', hook: 'input', policy: 'drop' }),
      chain('ip', 'berth_berth0', 'forward', forward('drop')),
    ],
  };

  it('go where forwarding is decided: into the chain that is there for them, or before a policy that drops', () => {
    expect(placesIn(listing)).toEqual([
      { chain: 'ip filter DOCKER-USER', forOthers: true, isOpen: false },
      { chain: 'ip6 filter FORWARD', forOthers: false, isOpen: false },
      { chain: 'inet kind forward', forOthers: false, isOpen: true },
    ]);
    expect(placesIn(listing, { everywhere: true }).map(place => place.chain)).toEqual([
      'ip filter DOCKER-USER',
      'ip filter FORWARD',
      'ip6 filter FORWARD',
      'inet kind forward',
    ]);
  });

  it('stand behind those of the owner, but before his return; at the head elsewhere; and only once', () => {
    const [polite, base] = [
      { chain: 'ip filter DOCKER-USER', forOthers: true, isOpen: false },
      { chain: 'ip6 filter FORWARD', forOthers: false, isOpen: false },
    ];
    const accept = (bridge: string, direction: string): string =>
      `${direction} "${bridge}" counter accept comment "berth ${bridge}"`;
    expect(admissionCommands(polite, rules({ handle: 3, expr: [{ drop: null }] }), ['b'])).toEqual([
      `add rule ip filter DOCKER-USER ${accept('b', 'iifname')}`,
      `add rule ip filter DOCKER-USER ${accept('b', 'oifname')}`,
    ]);
    expect(admissionCommands(polite, rules({ handle: 9, expr: [{ return: null }] }), ['b'])[0]).toBe(
      `insert rule ip filter DOCKER-USER handle 9 ${accept('b', 'iifname')}`,
    );
    expect(admissionCommands(base, rules(), ['b'])[0]).toBe(`insert rule ip6 filter FORWARD ${accept('b', 'iifname')}`);
    const there = rules({ handle: 1, comment: 'berth b' }, { handle: 2, comment: 'berth b' });
    expect(admissionCommands(base, there, ['b'])).toEqual([]);
    expect(admissionCommands(base, rules({ handle: 1, comment: 'berth b' }), ['b'])[0]).toBe(
      'delete rule ip6 filter FORWARD handle 1',
    );
  });

  it('come first where the last rule refuses what no other has let through, and nowhere else in an open chain', () => {
    const open = { chain: 'inet firewalld filter_FORWARD', forOthers: false, isOpen: true };
    const last = (...expr: Record<string, unknown>[]): string[] =>
      admissionCommands(open, rules({ handle: 9, expr }), ['b']);
    expect(last({ counter: {} }, { reject: { type: 'icmpx' } })[0]).toMatch(
      /^insert rule inet firewalld filter_FORWARD iifname "b"/,
    );
    expect(last({ drop: null })).toHaveLength(2);
    expect(last({ match: {} }, { drop: null })).toEqual([]);
    expect(last({ accept: null })).toEqual([]);
  });

  it('are taken away by their marks, nothing else is', () => {
    const place = { chain: 'ip filter FORWARD', forOthers: false, isOpen: false };
    const listed = rules({ handle: 1 }, { handle: 2, comment: 'berth one' }, { handle: 3, comment: 'berth two' });
    expect(dismissalCommands(place, listed, bridge => bridge === 'two')).toEqual([
      'delete rule ip filter FORWARD handle 3',
    ]);
  });
});
