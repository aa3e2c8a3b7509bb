import type { ContainerRef } from '../../contracts/brand.ts';
import type {
  ContainerCreateResponse,
  ContainerPruneReport,
  ContainerSummary,
} from '../../contracts/docker/containers.ts';
import { messageOf } from '../../contracts/errors.ts';
import type { EngineContext } from './context.ts';
import { type CreateRequest, createContainer } from './create.ts';
import type { Container, ContainersService, Filters } from './engine.ts';
import { assertFilters, keepsLabels, untilFilter } from './filters.ts';
import { type ListQuery, listContainers } from './summary.ts';

/** All containers: find, list, create, prune. */
export class ContainerService implements ContainersService {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  list(query: ListQuery): Promise<ContainerSummary[]> {
    return listContainers(query, this.#context);
  }

  create(request: CreateRequest): Promise<ContainerCreateResponse> {
    return createContainer(request, this.#context);
  }

  getByRef(ref: ContainerRef): Container {
    return this.#context.index.getByRef(ref);
  }

  /** Removes what does not run. One that cannot be removed stays and is told to the log. */
  async prune(filters: Filters): Promise<ContainerPruneReport> {
    assertFilters(filters, ['label', 'label!', 'until']);
    const until = untilFilter(filters, new Date());
    const deleted: string[] = [];
    let reclaimed = 0;
    for (const container of this.#context.index.all()) {
      const { record, status } = container;
      if (status !== 'created' && status !== 'exited' && status !== 'dead') continue;
      if (!keepsLabels(filters, record.config.Labels) || (until && new Date(record.createdAt) > until)) continue;
      const size = await this.#context.rooms.snapshots.size(container.id);
      try {
        await container.remove({ force: false, volumes: false, link: false });
        deleted.push(container.id);
        reclaimed += size;
      } catch (error) {
        this.#context.log.warn('A container was not pruned', { id: container.id, error: messageOf(error) });
      }
    }
    const attributes = { reclaimed: String(reclaimed) };
    this.#context.events.emit({ type: 'container', action: 'prune', id: '', attributes });
    return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
  }
}
