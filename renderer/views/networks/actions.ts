import { networkCreate, networkRemove } from '../../../contracts/docker/network-routes.ts';
import type { NetworkInspect } from '../../../contracts/docker/networks.ts';
import { engine, t, useAsking, useNotices } from '../../stores/index.ts';

/** Networks that are always there. */
export const builtInNetworks: ReadonlySet<string> = new Set(['bridge', 'host', 'none']);

export function askCreate(): void {
  const texts = t().networks;
  useAsking().ask({
    title: texts.create,
    field: { label: t().common.name },
    option: { label: texts.internalOption },
    verb: texts.create,
    run: (name, internal) => engine.json(networkCreate, { body: { Name: name, Internal: internal } }),
  });
}

/** Not asked before: a network has nothing that cannot be made again, which is offered. */
export async function remove({ Id, Name, Driver, IPAM, Internal, EnableIPv6, Options, Labels }: NetworkInspect) {
  const notices = useNotices();
  try {
    await engine.json(networkRemove, { path: { ref: Id } });
    const settings = { Driver: IPAM.Driver, Options: IPAM.Options ?? {}, Config: IPAM.Config ?? [] };
    const again = { Name, Driver, IPAM: settings, Internal, EnableIPv6, Options: Options ?? {}, Labels: Labels ?? {} };
    notices.tell(t().networks.removed(Name), () => engine.json(networkCreate, { body: again }));
  } catch (error) {
    notices.add(`${t().common.remove} ${Name}`, error);
  }
}
