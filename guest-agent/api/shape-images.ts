import type { ContainerConfig } from '../../contracts/docker/containers.ts';
import type { ImageInspect, ImageSummary } from '../../contracts/docker/images.ts';
import { type ApiMinor, without } from './compat.ts';

/** Before 1.44 images had `VirtualSize`, which had long been the same as `Size`. */
const withVirtualSize = <T extends { Size: number }>(document: T, version: ApiMinor): T =>
  version >= 44 ? document : { ...document, VirtualSize: document.Size };

/** Go's nil slice, which older versions show. */
export const orNull = <T>(list: T[] | null): T[] | null => (list?.length ? list : null);

/** An entry of the list as its version of the API has it. */
export function shapeImageSummary(document: ImageSummary, version: ApiMinor): ImageSummary {
  const shaped = withVirtualSize(version >= 48 ? document : without(document, ['Descriptor']), version);
  const counted = version >= 51 ? shaped : { ...shaped, Containers: -1 };
  if (version >= 43) return counted;
  const { RepoTags, RepoDigests } = document;
  if (!RepoTags?.length && !RepoDigests?.length) {
    return { ...counted, RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] };
  }
  return { ...counted, RepoTags: orNull(RepoTags), RepoDigests: orNull(RepoDigests) };
}

/** The fields that an image's config has in dockerd before 1.52, set or not. */
const plainConfig = {
  User: '',
  Env: null,
  Cmd: null,
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

/** Before 1.50 the config had what only a container has: always empty. */
const containerConfigFields = {
  Hostname: '',
  Domainname: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Image: '',
};

/** An inspection as its version of the API has it. */
export function shapeImageInspect(document: ImageInspect, version: ApiMinor): ImageInspect {
  if (version >= 52) {
    const empty = (['Parent', 'Comment', 'DockerVersion', 'Author'] as const).filter(key => document[key] === '');
    return without(document, empty);
  }
  const extra = version < 50 ? containerConfigFields : {};
  const Config = { ...extra, ...plainConfig, ...document.Config } as unknown as ContainerConfig;
  const shaped = withVirtualSize({ ...document, Config }, version);
  const known = version >= 48 ? shaped : without(shaped, ['Descriptor']);
  if (version >= 45) return known;
  return { ...known, ...{ ContainerConfig: { ...containerConfigFields, ...plainConfig } } };
}
