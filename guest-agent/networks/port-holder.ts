import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Protocol } from './contract.ts';

const listening = '0A';
const bound = '07';

/**
 * Who has a port of this host, for a person: `nginx, process 1234`. Undefined when it cannot be known: sockets of the
 * kernel, or of processes in other pid namespaces. Slow; for the message of a failure.
 */
export function holderOf(port: number, protocol: Protocol): string | undefined {
  const sockets = new Set(socketsOn(port, protocol).map(inode => `socket:[${inode}]`));
  if (sockets.size === 0) return undefined;
  for (const pid of entries('/proc').filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const holds = entries(`/proc/${pid}/fd`).some(fd => sockets.has(linkOf(`/proc/${pid}/fd/${fd}`)));
    if (holds) return `${textOf(`/proc/${pid}/comm`).trim()}, process ${pid}`;
  }
  return undefined;
}

/** Inodes of the sockets that are bound to a port, of both families. */
function socketsOn(port: number, protocol: Protocol): string[] {
  const wanted = protocol === 'udp' ? bound : listening;
  return [protocol, `${protocol}6`].flatMap(table =>
    textOf(`/proc/net/${table}`)
      .split('\n')
      .slice(1)
      .flatMap(line => {
        const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
        return Number.parseInt(local.split(':').at(-1) ?? '', 16) === port && state === wanted ? [inode] : [];
      }),
  );
}

const orElse = <Value>(work: () => Value, otherwise: Value): Value => {
  try {
    return work();
  } catch {
    return otherwise; // processes come and go
  }
};
const entries = (path: string): string[] => orElse(() => readdirSync(path), []);
const linkOf = (path: string): string => orElse(() => readlinkSync(path), '');
const textOf = (path: string): string => orElse(() => readFileSync(path, 'utf8'), '');
