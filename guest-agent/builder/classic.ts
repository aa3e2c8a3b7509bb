import type { Readable } from 'node:stream';
import { own } from '../../base/own.ts';
import type { AuthConfig, JsonMessage } from '../../contracts/docker/common.ts';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import { EngineError, invalidArgument, messageOf } from '../../contracts/errors.ts';
import { familiar } from '../../contracts/oci/reference.ts';
import { type Image, tarIn } from '../images/index.ts';
import { epochOf } from './args.ts';
import { type Builder, readDockerfile, toReferences } from './builder.ts';
import { type BuildInput, type BuildWatcher, noExchange, type StepWatcher, silentWatcher } from './contract.ts';
import { type Dockerfile, targetStage } from './dockerfile/stages.ts';
import { cleanPath, FileTree } from './file-tree.ts';
import { ignoreFileIn, withoutIgnored } from './ignored-tree.ts';
import { fetchContext, isRemote } from './remote-files.ts';
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
  const tree = new FileTree(builder.scratch);
  try {
    const only = request.remote ? await fillFrom(request.remote, tree, request, builder) : await unpack(request, tree);
    const name = request.dockerfile || 'Dockerfile';
    const path = only ?? cleanPath(name);
    const file = tree.get(path);
    if (!file) throw invalidArgument(`Cannot locate specified Dockerfile: ${name}`);
    const source = tree.bytesOf(file).toString();
    return { tree: withoutIgnored(tree, ignoreFileIn(tree, path)), source }; // the CLI left it out already; others do not
  } catch (error) {
    tree.close();
    throw error;
  }
}

async function unpack({ tar, signal }: ClassicRequest, tree: FileTree): Promise<undefined> {
  await tree.addTar(await tarIn(tar, signal), { resetOwners: true });
}

/** `?remote=`: resolves with the name of the Dockerfile where there is nothing else. */
async function fillFrom(
  address: string,
  tree: FileTree,
  { signal }: ClassicRequest,
  { scratch, options }: Builder,
): Promise<string | undefined> {
  if (!isRemote(address)) throw invalidArgument(`unable to prepare context: ${address} is no address of the web`);
  const rooms = { options, scratch, signal, secret: async () => undefined };
  return (await fetchContext(address, { tree, keepGitFolder: false }, rooms)).dockerfile;
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
      own(request.auths, host) ?? request.auths[`https://${host}`] ?? request.auths['https://index.docker.io/v1/'],
    secret: async () => undefined,
    agent: async () => undefined,
  };
  const { args, labels, noCache, pull, target, platform, host } = request;
  const wishes = {
    args,
    epoch: epochOf(args),
    labels,
    noCache,
    noCacheFilter: [],
    pull,
    target,
    platform,
    host,
    hostNetwork: true,
    serial: true,
    showsPlatform: false,
  };
  const tell = (text: string): void => progress({ stream: text });
  const watcher = quiet ? silentWatcher : new ClassicWatcher(tell);
  try {
    const image = await builder.build({ request: wishes, input, watcher, exchange: noExchange, signal });
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
