import type { ContainerId, ContainerRef } from '../../contracts/brand.ts';
import { invalidArgument, notFound } from '../../contracts/errors.ts';
import { nameInUse } from './names.ts';

/** What the index must know of a container. */
export interface Indexed {
  readonly id: ContainerId;
  readonly name: string;
}

/** Every container by id, prefix of an id, and name. A name is taken before its container exists. */
export class ContainerIndex<C extends Indexed> {
  readonly #byId = new Map<ContainerId, C>();
  readonly #names = new Map<string, ContainerId>();

  /** @throws conflict when the name is another's */
  reserve(name: string, id: ContainerId): void {
    const owner = this.#names.get(name);
    if (owner !== undefined && owner !== id) throw nameInUse(name, owner);
    this.#names.set(name, id);
  }

  /** Gives a name back, if it is still that container's. */
  free(name: string, id: ContainerId): void {
    if (this.#names.get(name) === id) this.#names.delete(name);
  }

  isTaken(name: string): boolean {
    return this.#names.has(name);
  }

  add(container: C): void {
    this.reserve(container.name, container.id);
    this.#byId.set(container.id, container);
  }

  delete(container: C): void {
    this.#byId.delete(container.id);
    this.free(container.name, container.id);
  }

  all(): C[] {
    return [...this.#byId.values()];
  }

  find(id: ContainerId): C | undefined {
    return this.#byId.get(id);
  }

  /** Like {@link getByRef}, for what need not be there. */
  seek(ref: ContainerRef): C | undefined {
    try {
      return this.getByRef(ref);
    } catch {
      return undefined;
    }
  }

  /** A whole id wins, then a name, then a prefix. @throws not-found, or invalid-argument when a prefix is ambiguous */
  getByRef(ref: ContainerRef): C {
    if (ref === '') throw invalidArgument('bad parameter: container name or ID is empty');
    const whole = this.#byId.get(ref as string as ContainerId);
    if (whole) return whole;
    const owner = this.#names.get(ref.replace(/^\//, ''));
    const named = owner === undefined ? undefined : this.#byId.get(owner);
    if (named) return named;
    const [only, ...others] = this.#idsStartingWith(ref);
    if (!only) throw notFound(`No such container: ${ref}`);
    if (others.length > 0) throw invalidArgument(`multiple IDs found with provided prefix: ${ref}`);
    return only;
  }

  #idsStartingWith(prefix: string): C[] {
    if (!/^[0-9a-f]+$/.test(prefix)) return [];
    return this.all().filter(container => container.id.startsWith(prefix));
  }
}
