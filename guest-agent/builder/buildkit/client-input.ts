import type { AuthConfig } from '../../../contracts/docker/common.ts';
import { invalidArgument, notFound, notImplemented } from '../../../contracts/errors.ts';
import type { Image } from '../../images/index.ts';
import type { AgentCall } from '../agent-socket.ts';
import type { BuilderOptions, BuildInput, StepWatcher } from '../contract.ts';
import { readIgnoreFile } from '../dockerfile/ignore.ts';
import { FileTree } from '../file-tree.ts';
import { parseGitAddress } from '../git/address.ts';
import type { GraphInput, LocalRequest } from '../graph/rooms.ts';
import { fetchContext, isRemote, type RemoteContext } from '../remote-files.ts';
import { withoutCredentials } from '../shown-address.ts';
import { ClientContent } from './client-content.ts';
import { credentialsFor } from './credentials.ts';
import { type SyncRequest, syncFiles } from './file-sync.ts';
import type { KeptContexts } from './kept-contexts.ts';
import { decode, encode } from './messages.ts';
import type { Progress } from './progress.ts';
import type { FrontendOptions } from './request.ts';
import type { Session } from './session.ts';
import { codes, GrpcError } from './status.ts';
import { bytesOf, isUpload, openUpload } from './uploads.ts';

interface Client {
  session: Session;
  options: FrontendOptions;
  inputs: ReadonlyMap<string, string>;
  progress: Progress;
  builder: BuilderOptions;
  signal: AbortSignal;
  /** Where files are held. */
  scratch: string;
  kept: KeptContexts;
}

/** A build's files, secrets and credentials, as its client serves them over its session. */
export class ClientInput implements BuildInput, GraphInput {
  readonly #client: Client;
  #ignore: readonly string[] | undefined;
  #remote: Promise<RemoteContext> | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  async dockerfile(): Promise<{ name: string; source: string }> {
    const { options, progress } = this.#client;
    const remote = options.dockerfilekey ? undefined : await this.#remoteContext();
    const name = remote?.dockerfile ?? (options.filename || 'Dockerfile');
    const told = progress.step({ name: `[internal] load build definition from ${name}`, text: '', line: undefined });
    const tree = remote ? remote.tree.copy(this.#client.scratch) : this.#tree();
    try {
      if (!remote) await this.#syncDockerfile(name, tree, told);
      const file = tree.get(tree.resolve(name) ?? name);
      if (file?.type !== 'file') {
        throw notFound(`failed to read dockerfile: open ${name}: no such file or directory`);
      }
      const content = tree.bytesOf(file);
      const ignore = tree.get(`${name}.dockerignore`);
      if (ignore) this.#ignore = readIgnoreFile(tree.bytesOf(ignore).toString());
      progress.source = { filename: name, data: content };
      told.done({ cached: false });
      return { name, source: content.toString() };
    } catch (error) {
      told.failed(error);
      throw error;
    } finally {
      tree.close();
    }
  }

  async #syncDockerfile(name: string, tree: FileTree, told: StepWatcher): Promise<void> {
    const include = [name, `${name}.dockerignore`];
    const bytes = await this.#sync({ name: this.#client.options.dockerfilekey || 'dockerfile', include }, tree);
    told.status('transferring dockerfile:', bytes, bytes);
  }

  async context(): Promise<FileTree> {
    const remote = await this.#remoteContext();
    if (remote) return remote.tree.copy(this.#client.scratch); // BuildKit leaves nothing out of what it fetched itself
    return this.#bring('[internal] load build context', this.#contextName, await this.ignored());
  }

  async ignored(): Promise<readonly string[]> {
    if (await this.#remoteContext()) return [];
    this.#ignore ??= await this.#readIgnore('[internal]', this.#contextName);
    return this.#ignore;
  }

  close(): void {
    this.#remote?.then(
      remote => remote?.tree.close(),
      () => undefined,
    );
  }

  get #contextName(): string {
    return this.#client.options.contextkey || 'context';
  }

  /** The context that is an address; undefined for a directory of the client's. */
  #remoteContext(): Promise<RemoteContext | undefined> {
    const { context } = this.#client.options;
    if (context === undefined || context.startsWith('local:')) return Promise.resolve(undefined);
    this.#remote ??= this.#fetch(
      `[internal] load ${parseGitAddress(context) ? 'git source' : 'remote build context'} ${withoutCredentials(context)}`,
      context,
    );
    return this.#remote;
  }

  async #fetch(step: string, address: string): Promise<RemoteContext> {
    if (!isRemote(address)) throw invalidArgument(`unsupported build context ${address}`);
    const { options, builder, signal, progress, scratch, session } = this.#client;
    const keepGitFolder = options['build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR'] === '1';
    const told = progress.step({ name: step, text: '', line: undefined });
    const tree = this.#tree();
    try {
      const secret = (id: string) => this.secret(id);
      const uploaded = isUpload(address) ? openUpload(session, address) : undefined;
      const rooms = { options: builder, scratch, signal, secret, uploaded };
      const fetched = await fetchContext(address, { tree, keepGitFolder }, rooms);
      told.done({ cached: false });
      return fetched;
    } catch (error) {
      tree.close();
      told.failed(error);
      throw error;
    }
  }

  async named(name: string): Promise<FileTree | string | undefined> {
    const value = this.#client.options[`context:${name}`];
    if (value === undefined) return undefined;
    const [, scheme = '', rest = ''] = /^([\w-]+):(?:\/\/)?(.*)$/.exec(value) ?? [];
    if (scheme === 'docker-image') return rest;
    if (scheme === 'input') return this.#client.inputs.get(rest) ?? this.#client.inputs.get(name);
    if (scheme === 'local') {
      const exclude = await this.#readIgnore(`[context ${name}]`, rest);
      return this.#bring(`[context ${name}] load from client`, rest, exclude);
    }
    if (isRemote(value)) return (await this.#fetch(`[context ${name}] load ${withoutCredentials(value)}`, value)).tree;
    throw notImplemented(`the build context ${name}=${value} is not part of Berth yet`);
  }

  auth(host: string): Promise<AuthConfig | undefined> {
    return credentialsFor(this.#client.session, host);
  }

  async secret(id: string): Promise<Buffer | undefined> {
    try {
      const answer = await this.#client.session.unary(
        '/moby.buildkit.secrets.v1.Secrets/GetSecret',
        encode('GetSecretRequest', { ID: id }),
      );
      return Buffer.from(decode<{ data: Uint8Array }>('GetSecretResponse', answer).data);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  async agent(id: string): Promise<(() => AgentCall) | undefined> {
    const { session } = this.#client;
    try {
      await session.unary('/moby.sshforward.v1.SSH/CheckAgent', encode('CheckAgentRequest', { ID: id }));
    } catch (error) {
      if (isAbsent(error) || (error instanceof GrpcError && error.code === codes.unknown)) return undefined;
      throw error;
    }
    return () => {
      const call = session.call('/moby.sshforward.v1.SSH/ForwardAgent', { 'buildkit.ssh.id': id });
      return {
        send: data => call.send(encode('BytesMessage', { data })),
        end: () => call.end(),
        answers: bytesOf(call.messages),
      };
    };
  }

  async #readIgnore(prefix: string, name: string): Promise<readonly string[]> {
    const told = this.#client.progress.step({ name: `${prefix} load .dockerignore`, text: '', line: undefined });
    const tree = this.#tree();
    try {
      const bytes = await this.#sync({ name, include: ['.dockerignore'] }, tree);
      told.status('transferring context:', bytes, bytes);
      const file = tree.get('.dockerignore');
      told.done({ cached: false });
      return file?.type === 'file' ? readIgnoreFile(tree.bytesOf(file).toString()) : [];
    } catch (error) {
      told.failed(error);
      throw error;
    } finally {
      tree.close();
    }
  }

  async #bring(step: string, name: string, exclude: readonly string[]): Promise<FileTree> {
    const told = this.#client.progress.step({ name: step, text: '', line: undefined });
    try {
      const { tree, known } = await this.#transfer({ name, exclude }, told, 'context');
      told.done({ cached: known });
      return tree;
    } catch (error) {
      told.failed(error);
      throw error;
    }
  }

  async local(request: LocalRequest, told: StepWatcher): Promise<FileTree> {
    return (await this.#transfer(request, told, request.name)).tree;
  }

  async stored(store: string, digest: string): Promise<Image> {
    const { session, builder, signal } = this.#client;
    const { imageFrom } = await import('../remote-cache/stored-image.ts');
    return imageFrom(new ClientContent(session, store, digest), builder.images, signal);
  }

  /**
   * A directory of the client's, as it stands when the session first asks: several builds of one session see the same, as
   * BuildKit has it. What it sent to another session and has not changed since does not come again.
   */
  async #transfer(
    request: Omit<SyncRequest, 'last' | 'progress'>,
    told: StepWatcher,
    shown: string,
  ): Promise<{ tree: FileTree; known: boolean }> {
    const { kept, session, scratch } = this.#client;
    const key = JSON.stringify([session.sharedKey, request]);
    const last = session.sharedKey === '' ? undefined : kept.get(key);
    const tree = new FileTree(scratch, last?.tree);
    if (last?.session === session.id) {
      tree.become(last.tree);
      return { tree, known: true };
    }
    try {
      let bytes = 0;
      const progress = (sum: number): void => {
        bytes = sum;
      };
      const files = await syncFiles(session, { ...request, last, progress }, tree);
      if (session.sharedKey !== '') kept.put(key, { tree: tree.copy(scratch), told: files, session: session.id });
      told.status(`transferring ${shown}:`, bytes, bytes);
      return { tree, known: false };
    } catch (error) {
      tree.close();
      throw error;
    }
  }

  async #sync(
    request: { name: string; include?: string[]; exclude?: readonly string[] },
    tree: FileTree,
  ): Promise<number> {
    let total = 0;
    const progress = (bytes: number): void => {
      total = bytes;
    };
    await syncFiles(this.#client.session, { ...request, progress }, tree);
    return total;
  }

  #tree(): FileTree {
    return new FileTree(this.#client.scratch);
  }
}

const isAbsent = (error: unknown): boolean =>
  error instanceof GrpcError && (error.code === codes.notFound || error.code === codes.unimplemented);
