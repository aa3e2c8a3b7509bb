import type { ContainerRecord } from './container-record.ts';
import type { EventsService } from './engine.ts';

/** Tells that a run has mounted its volumes and joined its networks, or has left them in reverse, as dockerd does. */
export function emitHoldings(record: ContainerRecord, what: 'taken' | 'released', events: EventsService): void {
  const parts = [emitVolumes, emitNetworks];
  for (const emit of what === 'taken' ? parts : parts.reverse()) emit(record, what, events);
}

type Part = typeof emitHoldings;

const emitNetworks: Part = (record, what, events) => {
  for (const { networkId, networkName, driver = 'bridge' } of record.sandbox?.endpoints ?? []) {
    const attributes = { container: record.id, name: networkName, type: driver };
    events.emit({ type: 'network', action: what === 'taken' ? 'connect' : 'disconnect', id: networkId, attributes });
  }
};

const emitVolumes: Part = (record, what, events) => {
  for (const mount of record.mounts) {
    if (mount.type !== 'volume') continue;
    const place = { destination: mount.destination, propagation: '', 'read/write': String(mount.rw) };
    const attributes = { container: record.id, driver: 'local', ...(what === 'taken' ? place : {}) };
    events.emit({ type: 'volume', action: what === 'taken' ? 'mount' : 'unmount', id: mount.name, attributes });
  }
};
