import type { Readable } from 'node:stream';
import type { AuthConfig, JsonMessage } from '../../contracts/docker/common.ts';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import { EngineError, invalidArgument, messageOf } from '../../contracts/errors.ts';
import { familiar } from '../../contracts/oci/reference.ts';
import { type Image, tarIn } from '../images/index.ts';
import { type Builder, readDockerfile, toReferences } from './builder.ts';
import { type BuildInput, type BuildWatcher, type StepWatcher, silentWatcher } from './contract.ts';
import { ignorer, readIgnoreFile } from './dockerfile/ignore.ts';
import { type Dockerfile, targetStage } from './dockerfile/stages.ts';
import { cleanPath, FileTree } from './file-tree.ts';
import { CommandFailed } from './run-step.ts';
import { MissingSource } from './select-files.ts';

/** `POST /build`, read. */
export interface ClassicRequest {
  tar: Readable;
  remote: string | undefined;
  dockerfile: string;
  tags: readonly string[];
  quiet: boolean;
  noCache: boolean;
  pull: boolean;
  target: string | undefined;
  platform: string | undefined;
  args: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  host: HostConfig;
  auths: Readonly<Record<string, AuthConfig>>;
  progress(message: JsonMessage): void;
  signal: AbortSignal;
}

const short = (id: string): string => id.replace('sha256:', '').slice(0, 12);

/** The context as a tree, with what `.dockerignore` leaves out gone; the Dockerfile is kept aside. */
async function readContext(request: ClassicRequest, builder: Builder): Promise<{ tree: FileTree; source: string }> {
  const { scratch, options } = builder;
  const tree = new FileTree(scratch);
  try {
    const address = request.remote;
    if (address && !/^https?:\/\//.test(address)) {
      throw invalidArgument(`building from ${address} is not part of Berth yet: only addresses of the web are`);
    }
    const input = address ? (await options.registry.download(address, request.signal)).stream : request.tar;
    const path = cleanPath(request.dockerfile || 'Dockerfile');
    await tree.addTar(await tarIn(input, request.signal), { resetOwners: true });
    const file = tree.get(path);
    if (!file) {
      throw invalidArgument(`Cannot locate specified Dockerfile: ${request.dockerfile || 'Dockerfile'}`);
    }
    const source = tree.bytesOf(file).toString();
    const ignore = tree.get(`${path}.dockerignore`) ?? tree.get('.dockerignore');
    return { tree: ignore ? without(tree, tree.bytesOf(ignore).toString(), builder) : tree, source };
  } catch (error) {
    tree.close();
    throw error;
  }
}

/** The CLI left these out already; other clients do not. */
function without(tree: FileTree, patterns: string, builder: Builder): FileTree {
  const ignored = ignorer(readIgnoreFile(patterns));
  if (!tree.paths.some(ignored)) return tree;
  const kept = new FileTree(builder.scratch);
  for (const path of tree.paths) {
    const entry = tree.get(path);
    if (!entry || ignored(path)) continue;
    if (entry.type === 'file') kept.addFile(path, tree.bytesOf(entry), entry);
    else kept.add(path, entry);
  }
  tree.close();
  return kept;
}

/** `docker build` of clients without BuildKit: the image's id and its names are told in the stream. */
export async function buildClassic(request: ClassicRequest, builder: Builder): Promise<void> {
  const { progress, signal, quiet } = request;
  const references = toReferences(request.tags);
  const { tree, source } = await readContext(request, builder);
  targetStage(checkedFile(source, request.dockerfile || 'Dockerfile'), request.target); // told by the status
  const input: BuildInput = {
    dockerfile: async () => ({ name: request.dockerfile || 'Dockerfile', source }),
    context: async () => tree,
    named: async () => undefined,
    auth: async host =>
      request.auths[host] ?? request.auths[`https://${host}`] ?? request.auths['https://index.docker.io/v1/'],
    secret: async () => undefined,
    agent: async () => undefined,
  };
  const { args, labels, noCache, pull, target, platform, host } = request;
  const wishes = { args, labels, noCache, noCacheFilter: [], pull, target, platform, host, serial: true };
  const tell = (text: string): void => progress({ stream: text });
  const watcher = quiet ? silentWatcher : new ClassicWatcher(tell);
  try {
    const image = await builder.build({ request: wishes, input, watcher, signal });
    progress({ aux: { ID: image.id } });
    await finish(image, references, builder, quiet ? undefined : tell);
    if (quiet) tell(`${image.id}\n`);
  } catch (error) {
    tellFailure(error, progress);
  } finally {
    tree.close();
  }
}

/** @throws invalid-argument in dockerd's words */
function checkedFile(source: string, name: string): Dockerfile {
  try {
    return readDockerfile(source);
  } catch (error) {
    if (messageOf(error) !== 'file with no instructions') throw error;
    throw invalidArgument(`failed to parse ${name}: file with no instructions`, { cause: error });
  }
}

async function finish(
  image: Image,
  references: ReturnType<typeof toReferences>,
  builder: Builder,
  tell: ((text: string) => void) | undefined,
): Promise<void> {
  tell?.(`Successfully built ${short(image.id)}\n`);
  await builder.keep(image, references);
  for (const reference of references) tell?.(`Successfully tagged ${familiar(reference)}\n`);
}

/** The stream has begun: what failed is its last message, with the code that the client exits with. */
function tellFailure(error: unknown, progress: ClassicRequest['progress']): void {
  if (error instanceof EngineError && error.kind === 'cancelled') return;
  if (error instanceof CommandFailed) {
    const message = `The command '${error.args.join(' ')}' returned a non-zero code: ${error.exitCode}`;
    progress({ errorDetail: { code: error.exitCode, message }, error: message });
    return;
  }
  const message = error instanceof MissingSource ? missingWords(error) : messageOf(error);
  progress({ errorDetail: { message }, error: message });
}

const missingWords = ({ path }: MissingSource): string =>
  `COPY failed: file not found in build context or excluded by .dockerignore: stat ${cleanPath(path)}: file does not exist`;

/** Says what dockerd's old builder said. */
class ClassicWatcher implements BuildWatcher {
  readonly #tell: (text: string) => void;
  #number = 0;
  #container = '';

  constructor(tell: (text: string) => void) {
    this.#tell = tell;
  }

  instruction(text: string, total: number): void {
    this.#container = '';
    this.#tell(`Step ${++this.#number}/${total} : ${text}`);
    this.#tell('\n');
  }

  instructionDone(imageId: string, cached: boolean): void {
    if (cached) this.#tell(' ---> Using cache\n');
    if (this.#container !== '') this.#tell(` ---> Removed intermediate container ${short(this.#container)}\n`);
    this.#tell(` ---> ${short(imageId)}\n`);
  }

  step(): StepWatcher {
    return {
      ...silentWatcher.step({ name: '', text: '', line: undefined }),
      running: id => {
        this.#container = id;
        this.#tell(` ---> Running in ${short(id)}\n`);
      },
      output: (stream, data) =>
        this.#tell(stream === 'stderr' ? `\u001b[91m${data.toString()}\u001b[0m` : data.toString()),
    };
  }

  warning(): void {
    // the old builder has no linter
  }
}
