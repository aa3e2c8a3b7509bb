import type { ContainerRef } from '../../contracts/brand.ts';
import type { EndpointSettings, NetworkConnectBody, NetworkDisconnectBody } from '../../contracts/docker/networks.ts';
import { EngineError, internal, invalidArgument, notFound } from '../../contracts/errors.ts';
import type { NetworkRecord } from '../networks/index.ts';
import type { ContainerActor } from './container.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';
import { endpointRequest } from './network-request.ts';

type Asked = Record<string, EndpointSettings>;

const askedOf = ({ networkingConfig }: ContainerRecord): Asked => networkingConfig.EndpointsConfig ?? {};

const withAsked = (record: ContainerRecord, EndpointsConfig: Asked): Pick<ContainerRecord, 'networkingConfig'> => ({
  networkingConfig: { ...record.networkingConfig, EndpointsConfig },
});

const without = (name: string, { [name]: _gone, ...others }: Asked): Asked => others;

/**
 * A container takes part in one network more: at once when it runs, else from its next start on. Returns the network
 * that has a new member now. @throws EngineError in Docker's words
 */
export async function connectContainer(
  ref: string,
  body: NetworkConnectBody,
  context: EngineContext,
): Promise<{ network: NetworkRecord; container: ContainerActor } | undefined> {
  const container = containerNamed(body.Container, context);
  const settings = body.EndpointConfig ?? {};
  const network = findNetwork(ref, container.live !== undefined, context);
  const name = network?.name ?? ref;
  if (settings.MacAddress && !/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(settings.MacAddress))
    throw invalidArgument(`invalid MAC address ${settings.MacAddress}`);
  checkCompany(container.record, network);
  if (network) context.rooms.networks.check(name, endpointRequest(settings, context));
  let joined = false;
  try {
    await container.edit(record => {
      const asked = { ...askedOf(record), [name]: settings };
      if (!container.live) return withAsked(record, asked);
      const { record: sandbox } = context.rooms.networks.join(container.id, name, endpointRequest(settings, context));
      joined = true;
      return { ...withAsked(record, asked), sandbox };
    });
  } catch (error) {
    if (joined) context.rooms.networks.leave(container.id, name); // what is not written down must not be
    throw error;
  }
  return joined && network ? { network, container } : undefined;
}

/** Like {@link connectContainer}. The record says so first: what an engine that dies leaves in between is nobody's. */
export async function disconnectContainer(
  ref: string,
  body: NetworkDisconnectBody,
  context: EngineContext,
): Promise<{ network: NetworkRecord; container: ContainerActor } | undefined> {
  const container = memberNamed(body, context);
  const waits = !container.live && Object.hasOwn(askedOf(container.record), ref);
  const network = findNetwork(ref, !waits, context);
  if (!network) {
    await container.edit(record => withAsked(record, without(ref, askedOf(record))));
    return undefined;
  }
  if (network.driver === 'host' && container.record.hostConfig.NetworkMode === 'host')
    throw invalidArgument('cannot disconnect container from host network - container was created in host network mode');
  let left = false;
  await container.edit(record => {
    const asked = askedOf(record);
    const { sandbox } = record;
    const held = sandbox?.endpoints.some(({ networkId }) => networkId === network.id) ?? false;
    left = container.live !== undefined;
    if (left && !held) throw internal(`container ${container.id} is not connected to network ${network.name}`);
    if (!left && !Object.hasOwn(asked, network.name))
      throw internal(`container ${container.id} is not connected to the network ${network.name}`);
    const endpoints = sandbox?.endpoints.filter(({ networkId }) => networkId !== network.id) ?? [];
    return {
      ...withAsked(record, without(network.name, asked)),
      ...(sandbox && { sandbox: { ...sandbox, endpoints } }),
    };
  });
  if (!left) return undefined;
  await container.edit(() => ({ sandbox: context.rooms.networks.leave(container.id, network.name).record }));
  return { network, container };
}

/** A stopped container may be told of a network that comes later. */
function findNetwork(ref: string, needed: boolean, { rooms }: EngineContext): NetworkRecord | undefined {
  try {
    return rooms.networks.get(ref);
  } catch (error) {
    if (needed || !(error instanceof EngineError) || error.kind !== 'not-found') throw error;
    return undefined;
  }
}

function containerNamed(name: string | undefined, { index }: EngineContext): ContainerActor {
  if (!name) throw invalidArgument('invalid name or ID supplied: ""');
  return index.getByRef(name as ContainerRef);
}

/** With force Docker looks for an endpoint, and says so. */
function memberNamed({ Container: name, Force: force }: NetworkDisconnectBody, context: EngineContext): ContainerActor {
  try {
    return containerNamed(name, context);
  } catch (error) {
    if (!force || !(error instanceof EngineError) || error.kind !== 'not-found') throw error;
    throw notFound(`endpoint ${name} not found`, { cause: error });
  }
}

/** @throws invalid-argument for networks that are alone, in Docker's words */
function checkCompany(record: ContainerRecord, network: NetworkRecord | undefined): void {
  const { NetworkMode: mode = '' } = record.hostConfig;
  if (mode === 'host' || mode.startsWith('container:')) {
    if (network?.driver === 'host')
      throw invalidArgument(
        'cannot connect container to host network - container must be created in host network mode',
      );
    throw invalidArgument(
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  }
  if (network?.driver === 'null' || 'none' in askedOf(record))
    throw invalidArgument(
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    );
  if (network?.driver === 'host')
    throw invalidArgument('cannot connect container to host network - container must be created in host network mode');
}
