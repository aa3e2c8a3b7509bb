import type { ContainerId, ContainerRef } from '../../contracts/brand.ts';
import { EngineError, internal, invalidArgument } from '../../contracts/errors.ts';
import { parsePort } from '../networks/index.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';

/** Another container of the default network under a name of one's own (`--link`). */
export interface ContainerLink {
  container: ContainerId;
  alias: string;
}

/**
 * `container:alias` or `container`, as the user of a new container has written them. Networks of users have names of
 * their own: there a client asks for links with the endpoint, and these are not read.
 * @throws invalid-argument, internal: in Docker's words and with its statuses
 */
export function linksOf(texts: readonly string[], mode: string, { index }: EngineContext): ContainerLink[] {
  if (texts.length > 0 && mode === 'host') throw conflictingMode('host type networking');
  const links = texts.map(parseLink);
  if (mode !== 'bridge') return [];
  return links.map(({ name, alias }) => {
    try {
      const container = index.getByRef(name as ContainerRef);
      if (container.record.hostConfig.NetworkMode === 'host') throw conflictingMode('host type networking');
      return { container: container.id, alias };
    } catch (error) {
      if (!(error instanceof EngineError) || error.kind !== 'not-found') throw error;
      throw invalidArgument(`could not get container for ${name}: ${error.message}`, { cause: error });
    }
  });
}

const conflictingMode = (what: string): EngineError =>
  invalidArgument(`conflicting options: ${what} can't be used with links. This would result in undefined behavior`);

/** @throws internal, as dockerd does */
export function parseLink(text: string): { name: string; alias: string } {
  const [name = '', alias, ...rest] = text.split(':');
  if (text === '') throw internal('empty string specified for links');
  if (rest.length > 0) throw internal(`bad format for links: ${text}`);
  // Clients once sent what inspect shows: `/name:/own/alias`.
  return { name: name.replace(/^\//, ''), alias: alias?.split('/').at(-1) || name.replace(/^\//, '') };
}

/** `/db:/web/database`, as inspect shows a link; one whose container is gone has no name any more. */
export function linkTexts({ links = [], name }: ContainerRecord, { index }: EngineContext): string[] | undefined {
  const texts = links.flatMap(({ container, alias }) => {
    const other = index.find(container);
    return other ? [`/${other.record.name}:/${name}/${alias}`] : [];
  });
  return texts.length > 0 ? texts : undefined;
}

/** What the hosts file says of the linked containers. @throws internal when one does not run, in Docker's words */
export function neighboursOf(
  record: ContainerRecord,
  context: EngineContext,
): { container: ContainerId; names: string[] }[] {
  return (record.links ?? []).map(link => {
    const other = runningPartner(record, link, context);
    const shortId = link.container.slice(0, 12);
    const { Hostname = shortId } = other.config;
    return { container: link.container, names: [...new Set([link.alias, Hostname, other.name])] };
  });
}

/** The record with the variables that tell of linked containers before its own, as Docker has had them since links exist. */
export function withLinkVariables(record: ContainerRecord, context: EngineContext): ContainerRecord {
  if (!record.links?.length) return record;
  const variables = record.links.flatMap(link =>
    linkVariables(`/${record.name}/${link.alias}`, link.alias, runningPartner(record, link, context)),
  );
  return { ...record, config: { ...record.config, Env: [...variables, ...(record.config.Env ?? [])] } };
}

function runningPartner(record: ContainerRecord, link: ContainerLink, { index }: EngineContext): ContainerRecord {
  const other = index.find(link.container);
  if (!other?.live) {
    const name = other?.record.name ?? link.container;
    throw internal(`Cannot link to a non running container: /${name} AS /${record.name}/${link.alias}`);
  }
  if (!defaultAddress(other.record))
    throw internal(`container ${link.container} not attached to default bridge network`);
  return other.record;
}

const defaultAddress = ({ sandbox }: ContainerRecord): string | undefined =>
  sandbox?.endpoints.find(({ networkName }) => networkName === 'bridge')?.ipAddress;

/** `DB_PORT_5432_TCP_ADDR=172.17.0.2` … of one link. */
export function linkVariables(path: string, alias: string, other: ContainerRecord): string[] {
  const prefix = alias.toUpperCase().replaceAll('-', '_');
  const address = defaultAddress(other) ?? '';
  const ports = Object.keys(other.config.ExposedPorts ?? {})
    .map(parsePort)
    .sort(
      (one, two) =>
        Number(two.protocol === 'tcp') - Number(one.protocol === 'tcp') || one.containerPort - two.containerPort,
    );
  const lines = ports.flatMap(({ containerPort: port, protocol }) => {
    const key = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    return [
      `${key}=${protocol}://${address}:${port}`,
      `${key}_ADDR=${address}`,
      `${key}_PORT=${port}`,
      `${key}_PROTO=${protocol}`,
    ];
  });
  const [first] = ports;
  const usual = first ? [`${prefix}_PORT=${first.protocol}://${address}:${first.containerPort}`] : [];
  const inherited = (other.config.Env ?? [])
    .filter(variable => variable.includes('=') && !/^(HOME|PATH)=/.test(variable))
    .map(variable => `${prefix}_ENV_${variable}`);
  return [...usual, ...lines, `${prefix}_NAME=${path}`, ...inherited];
}
