import { containerCreate, containerRemove, containerStart } from '../../../contracts/docker/container-routes.ts';
import { unavailable } from '../../../contracts/errors.ts';
import { engine, t, useContainers, useImages } from '../../stores/index.ts';

/** Images that have a shell and tools, the small ones first. */
const known = ['busybox', 'alpine', 'debian', 'ubuntu', 'fedora'];

/** A helper ends by itself after so many seconds: the window that began it may be gone by then. */
const mostSeconds = 43_200;

/** The image that a debug shell would come from; undefined when none is here. */
export function debugImage(): string | undefined {
  const names = useImages().items.flatMap(({ RepoTags }) => RepoTags ?? []);
  return known.map(name => names.find(each => new RegExp(`(^|/)${name}:`).test(each))).find(Boolean) ?? names[0];
}

/** Tells first where one is: the other's processes are one's own, its files are below one of them. */
export const debugCommand = ['/bin/sh', '-c', 'echo "The files of the container: /proc/1/root"; cd /; exec /bin/sh'];

/**
 * A container beside another one, in its network and among its processes, for images without a shell. It is no container
 * of the user's: no list shows it, and it ends with {@link endDebugging}, at the latest after half a day.
 * @throws EngineError
 */
export async function debugBeside(container: string): Promise<string> {
  await useImages().ready();
  const Image = debugImage();
  if (!Image) throw unavailable(t().terminal.needsImage);
  const beside = `container:${container}`;
  const body = {
    Image,
    Entrypoint: ['/bin/sh', '-c', `sleep ${mostSeconds}`],
    Labels: { [useContainers().helperLabel]: 'debug' },
    HostConfig: { PidMode: beside, NetworkMode: beside, CapAdd: ['SYS_PTRACE'], AutoRemove: true },
  };
  const { Id } = await engine.json(containerCreate, { body });
  await engine.json(containerStart, { path: { ref: Id } });
  return Id;
}

/** One that has ended is gone by itself. */
export const endDebugging = (helper: string): Promise<unknown> =>
  engine.json(containerRemove, { path: { ref: helper }, query: { force: true } }).catch(() => undefined);
