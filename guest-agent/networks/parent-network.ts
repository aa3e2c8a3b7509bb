import { randomBytes } from 'node:crypto';
import { internal, invalidArgument } from '../../contracts/errors.ts';
import {
  addBridge,
  addDummy,
  addIpvlan,
  addMacvlan,
  addVlan,
  changeLink,
  findLink,
  type Link,
  type RouteConnection,
  removeLink,
} from '../netlink/index.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { Addressing, type Leads } from './addressing.ts';
import type { NetworkRecord } from './contract.ts';
import type { DriverNetwork, Ground } from './driver-network.ts';
import { macOf } from './ipam.ts';
import { type ChildKind, childKind, dummyName, isParentDriver, parseVlanName } from './parent-options.ts';
import { type Namespace, raise, type Wire } from './sandbox.ts';

/**
 * A network whose containers have links on one of the host's own, the parent: macvlan (with MAC addresses of their own)
 * or ipvlan (with the parent's, told apart by address). The parent's network is theirs; nothing of it is ours but the
 * parent itself, when we made it: a tagged part of another link, or one that leads nowhere.
 */
export class ParentNetwork implements DriverNetwork {
  readonly record: NetworkRecord;
  readonly addresses: Addressing;
  readonly #kind: ChildKind;
  readonly #ground: Ground;

  /** Makes the parent if it is ours and missing. @throws SyscallError, invalid-argument in dockerd's words */
  constructor(record: NetworkRecord, ground: Ground) {
    if (!isParentDriver(record.driver) || !record.parent) throw invalidArgument(`network ${record.name} has no parent`);
    this.record = record;
    this.#ground = ground;
    this.#kind = childKind(record.driver, record.options);
    const leads = this.#leads();
    this.addresses = new Addressing(record, { leads, reserved: leads === 'gateway' });
    ensureParent(ground.host, record);
  }

  plug(namespace: Namespace, interfaceName: string): Wire {
    const { host } = this.#ground;
    const parent = ensureParent(host, this.record);
    // A name of the host's own links, such as eth0, would be refused where the link is asked for.
    const name = `ve${randomBytes(6).toString('hex')}`;
    const link = { name, parent: parent.index, namespace: namespace.fd };
    const { driver, mode } = this.#kind;
    try {
      host.request(driver === 'macvlan' ? addMacvlan(link, mode) : addIpvlan(link, mode, this.#kind.flag));
    } catch (error) {
      if (!isSyscallError(error, 'EOPNOTSUPP')) throw error;
      throw internal(`failed to create the ${driver} port: operation not supported`, { cause: error });
    }
    const index = findLink(namespace.connection, name)?.index ?? 0;
    namespace.connection.request(changeLink(index, { name: interfaceName }));
    return raise(namespace, interfaceName, this.addresses.hasSix);
  }

  macFor(ipAddress: string): string | undefined {
    return this.#kind.driver === 'macvlan' ? macOf(ipAddress) : undefined;
  }

  remove(): void {
    const { parent } = this.record;
    if (parent?.made && findLink(this.#ground.host, parent.link)) this.#ground.host.request(removeLink(parent.link));
  }

  #leads(): Leads {
    const { internal: closed, parent } = this.record;
    if (closed || isDummy(this.record, parent?.link)) return 'nowhere';
    return this.#kind.driver === 'ipvlan' && this.#kind.mode !== 'l2' ? 'link' : 'gateway';
  }
}

const isDummy = ({ driver, id }: NetworkRecord, link: string | undefined): boolean =>
  isParentDriver(driver) && link === dummyName(driver, id);

/** The parent, up; made anew when it was ours and a reboot has taken it. @throws internal in dockerd's words */
function ensureParent(host: RouteConnection, record: NetworkRecord): Link {
  const { link = '', made = false } = record.parent ?? {};
  const present = findLink(host, link);
  if (!present && made) {
    if (isDummy(record, link)) makeDummy(host, link);
    else makeVlan(host, link);
  }
  const parent = present ?? findLink(host, link);
  if (!parent) throw internal(`the requested parent interface ${link} was not found on the Docker host`);
  if (!parent.up) host.request(changeLink(parent.index, { up: true }));
  return parent;
}

/** Where the kernel has no dummy links, a bridge without ports is one. */
function makeDummy(host: RouteConnection, name: string): void {
  try {
    host.request(addDummy(name));
  } catch (error) {
    if (!isSyscallError(error, 'EOPNOTSUPP')) throw error;
    host.request(addBridge({ name }));
  }
}

function makeVlan(host: RouteConnection, name: string): void {
  const { link, id } = parseVlanName(name);
  const parent = findLink(host, link);
  if (!parent) throw internal(`-o parent interface was not found on the host: ${link}`);
  try {
    host.request(addVlan({ name, parent: parent.index, id }));
  } catch (error) {
    if (!isSyscallError(error, 'EOPNOTSUPP')) throw error;
    throw internal(`failed to create ${name} vlan link: operation not supported`, { cause: error });
  }
}
