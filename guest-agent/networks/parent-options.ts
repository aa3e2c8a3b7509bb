import { internal } from '../../contracts/errors.ts';
import { ipvlanFlags, ipvlanModes, macvlanModes } from '../netlink/index.ts';
import type { NetworkRecord } from './contract.ts';

/** What a network of links on one of the host's may be asked for with `-o`, checked. */
export type ChildKind =
  | { driver: 'macvlan'; mode: keyof typeof macvlanModes }
  | { driver: 'ipvlan'; mode: keyof typeof ipvlanModes; flag: keyof typeof ipvlanFlags };

type ParentDriver = ChildKind['driver'];
type Options = Readonly<Record<string, string>>;

export const isParentDriver = (driver: string): driver is ParentDriver => driver === 'macvlan' || driver === 'ipvlan';

/** @throws internal in dockerd's words */
export function childKind(driver: ParentDriver, options: Options): ChildKind {
  if (driver === 'macvlan')
    return { driver, mode: oneOf(macvlanModes, 'bridge', 'macvlan mode', options.macvlan_mode) };
  return {
    driver,
    mode: oneOf(ipvlanModes, 'l2', 'ipvlan mode', options.ipvlan_mode),
    flag: oneOf(ipvlanFlags, 'bridge', 'ipvlan flag', options.ipvlan_flag),
  };
}

function oneOf<Known extends object>(
  known: Known,
  usual: keyof Known & string,
  what: `${ParentDriver} ${'mode' | 'flag'}`,
  value: string | undefined,
): keyof Known & string {
  if (!value) return usual;
  if (Object.hasOwn(known, value)) return value as keyof Known & string;
  const [driver, word] = what.split(' ');
  const kind = word === 'mode' ? 'mode ' : '';
  throw internal(`requested ${what} '${value}' is not valid, '${usual}' ${kind}is the ${driver} driver default`);
}

/**
 * The link that the containers of a new network live on: the one that is named, or one that we make, a tagged part of
 * another link or one that leads nowhere. @throws internal in dockerd's words
 */
export function parentFor(
  { driver, options, id }: { driver: ParentDriver; options: Options; id: string },
  others: readonly NetworkRecord[],
  isThere: (link: string) => boolean,
): { link: string; made: boolean } {
  const kind = childKind(driver, options);
  const { parent: link } = options;
  if (!link) return { link: dummyName(driver, id), made: true };
  if (link === 'lo') throw internal(`loopback interface is not a valid ${driver} parent link`);
  checkCompany(link, kind, others);
  const made = !isThere(link) || others.some(({ parent }) => parent?.link === link && parent.made);
  if (made) parseVlanName(link);
  return { link, made };
}

/** Who else uses the parent, and whether he may. @throws internal in dockerd's words */
function checkCompany(parent: string, kind: ChildKind, others: readonly NetworkRecord[]): void {
  const sharing = others.filter(({ driver, parent: theirs }) => driver === kind.driver && theirs?.link === parent);
  const [first] = sharing;
  if (!first) return;
  if (kind.driver === 'ipvlan') {
    throw internal(`network ${dummyName('ipvlan', first.id)} is already using parent interface ${parent}`);
  }
  if (kind.mode === 'passthru') {
    throw internal(`cannot use mode passthru, macvlan network ${first.id} is already using parent interface ${parent}`);
  }
  const alone = sharing.find(({ options }) => options.macvlan_mode === 'passthru');
  if (alone) throw internal(`macvlan network ${alone.id} is already using parent interface ${parent} in mode passthru`);
}

/** The link of a network that names none: it leads nowhere. */
export const dummyName = (driver: ParentDriver, id: string): string =>
  `${driver === 'macvlan' ? 'dm' : 'di'}-${id.slice(0, 12)}`;

/** `eth0.10`: what of `eth0` has the tag 10. @throws internal in dockerd's words */
export function parseVlanName(name: string): { link: string; id: number } {
  const [link = '', tag, ...rest] = name.split('.');
  if (tag === undefined || rest.length > 0)
    throw internal(`invalid subinterface vlan name ${name}, example formatting is eth0.10`);
  if (!/^[+-]?\d+$/.test(tag)) throw internal(`unable to parse a valid vlan id from: ${tag} (ex. eth0.10 for vlan 10)`);
  const id = Number(tag);
  if (id < 1 || id > 4094) throw internal(`vlan id must be between 1-4094, received: ${id}`);
  return { link, id };
}
