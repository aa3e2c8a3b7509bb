import type { ContainerConfig } from '../../contracts/docker/containers.ts';
import { conflict } from '../../contracts/errors.ts';
import type { ImageConfig, ImageRunConfig } from '../../contracts/oci/image-spec.ts';
import { familiar, type Reference, tagOf, withTag } from '../../contracts/oci/reference.ts';
import { mergeConfig } from './config.ts';
import { changedConfig } from './config-changes.ts';
import type { ContainerActor } from './container.ts';
import type { EngineContext } from './context.ts';
import type { CommitRequest } from './engine.ts';

/** `docker commit`: what the container has changed becomes a layer on its image. @throws in Docker's words */
export async function commitContainer(
  container: ContainerActor,
  request: CommitRequest,
  context: EngineContext,
): Promise<{ Id: string }> {
  const { record } = container;
  const reference = referenceOf(request);
  const config = committedConfig(record.config, request);
  if (container.status === 'removing' || container.status === 'dead') {
    throw conflict(`You cannot commit container ${container.id} which is being removed`);
  }
  const { rooms, events } = context;
  const parent = rooms.images.find(record.image.id);
  if (!parent && record.image.topChainId) throw conflict(`the image of container ${container.id} has been removed`);
  const created = new Date().toISOString();
  const { comment, author } = request;
  const by = author ? { author } : {};
  const image = await standingStill(container, request.pause, async () => {
    const changes = await rooms.snapshots.openChanges(container.id);
    try {
      return await rooms.images.commitLayer({
        parent,
        tar: rooms.archive.pack({ root: changes.path, path: '/', contentsOnly: true, asLayer: true }),
        config: documentOf(parent?.config, { created, container: container.id, config: runConfig(config), ...by }),
        step: { created, created_by: (record.config.Cmd ?? []).join(' '), ...by, ...(comment ? { comment } : {}) },
      });
    } finally {
      changes.close();
    }
  });
  const imageRef = reference ? familiar(reference) : '';
  events.emit({ type: 'image', action: 'create', id: image.id, attributes: { name: image.id } });
  if (reference) {
    await rooms.images.tag(image.id, reference);
    events.emit({ type: 'image', action: 'tag', id: image.id, attributes: { name: imageRef } });
  }
  container.emit('commit', { comment, imageID: image.id, imageRef });
  return { Id: image.id };
}

/** The container's, or what the client says of it, completed by the container's. */
function committedConfig(own: ContainerConfig, { config, changes }: CommitRequest): ContainerConfig {
  if (Object.keys(config).length === 0) return changedConfig(own, changes);
  const asked = changedConfig(config, changes);
  return { ...mergeConfig(asked, own), OnBuild: asked.OnBuild };
}

/** @throws invalid-argument for a name that is none */
function referenceOf({ repository, tag }: CommitRequest): Reference | undefined {
  if (repository === '') return undefined;
  return tagOf(withTag(repository, tag));
}

function documentOf(
  parent: ImageConfig | undefined,
  own: Pick<ImageConfig, 'created' | 'container' | 'config' | 'author'>,
): Omit<ImageConfig, 'rootfs' | 'history'> {
  const { architecture = process.arch === 'arm64' ? 'arm64' : 'amd64', os = 'linux', variant } = parent ?? {};
  return { architecture, os, ...(variant ? { variant } : {}), ...own };
}

/** Of a container's config what an image says, too. */
export function runConfig(config: ContainerConfig): ImageRunConfig {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels } = config;
  const { StopSignal, StopTimeout, Healthcheck, OnBuild, Shell } = config;
  const said = { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal, StopTimeout };
  const all = { ...said, Healthcheck, OnBuild, Shell };
  const holds = (value: unknown): boolean =>
    value !== undefined &&
    value !== '' &&
    !(typeof value === 'object' && value !== null && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(all).filter(([, value]) => holds(value)));
}

/** Only what runs is paused, and only if it is not already. */
async function standingStill<T>(container: ContainerActor, pause: boolean, work: () => Promise<T>): Promise<T> {
  if (!pause || container.status !== 'running') return work();
  await container.pause();
  try {
    return await work();
  } finally {
    await container.unpause().catch(() => undefined); // it may have been unpaused, or killed, meanwhile
  }
}
