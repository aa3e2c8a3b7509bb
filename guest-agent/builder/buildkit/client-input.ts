import type { AuthConfig } from '../../../contracts/docker/common.ts';
import { invalidArgument, notFound, notImplemented } from '../../../contracts/errors.ts';
import type { BuildInput } from '../contract.ts';
import { readIgnoreFile } from '../dockerfile/ignore.ts';
import { FileTree } from '../file-tree.ts';
import { syncFiles } from './file-sync.ts';
import type { KeptContexts } from './kept-contexts.ts';
import { decode, encode } from './messages.ts';
import type { Progress } from './progress.ts';
import type { FrontendOptions } from './request.ts';
import type { Session } from './session.ts';
import { codes, GrpcError } from './status.ts';

interface Client {
  session: Session;
  options: FrontendOptions;
  progress: Progress;
  /** Where files are held. */
  scratch: string;
  kept: KeptContexts;
}

/** A build's files, secrets and credentials, as its client serves them over its session. */
export class ClientInput implements BuildInput {
  readonly #client: Client;
  #ignore: readonly string[] | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  async dockerfile(): Promise<{ name: string; source: string }> {
    const { options, progress } = this.#client;
    const name = options.filename || 'Dockerfile';
    refuseRemote(options.context);
    const told = progress.step({ name: `[internal] load build definition from ${name}`, text: '', line: undefined });
    const tree = this.#tree();
    try {
      const include = [name, `${name}.dockerignore`];
      const bytes = await this.#sync({ name: options.dockerfilekey || 'dockerfile', include }, tree);
      told.status('transferring dockerfile:', bytes, bytes);
      const file = tree.get(name);
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

  async context(): Promise<FileTree> {
    const exclude = this.#ignore ?? (await this.#readIgnore());
    return this.#bring('[internal] load build context', this.#client.options.contextkey || 'context', exclude);
  }

  async named(name: string): Promise<FileTree | string | undefined> {
    const value = this.#client.options[`context:${name}`];
    if (value === undefined) return undefined;
    const [, scheme = '', rest = ''] = /^([\w-]+):(?:\/\/)?(.*)$/.exec(value) ?? [];
    if (scheme === 'docker-image') return rest;
    if (scheme === 'local') return this.#bring(`[context ${name}] load from client`, rest, []);
    throw notImplemented(`the build context ${name}=${value} is not part of Berth yet`);
  }

  async auth(host: string): Promise<AuthConfig | undefined> {
    const asked = host === 'docker.io' ? 'https://index.docker.io/v1/' : host;
    try {
      const answer = await this.#client.session.unary(
        '/moby.filesync.v1.Auth/Credentials',
        encode('CredentialsRequest', { Host: asked }),
      );
      const { Username, Secret } = decode<{ Username: string; Secret: string }>('CredentialsResponse', answer);
      if (Secret === '') return undefined;
      return Username === '' ? { identitytoken: Secret } : { username: Username, password: Secret };
    } catch {
      return undefined; // without credentials the registry says what it misses
    }
  }

  async secret(id: string): Promise<Buffer | undefined> {
    try {
      const answer = await this.#client.session.unary(
        '/moby.buildkit.secrets.v1.Secrets/GetSecret',
        encode('GetSecretRequest', { ID: id }),
      );
      return Buffer.from(decode<{ data: Uint8Array }>('GetSecretResponse', answer).data);
    } catch (error) {
      const absent =
        error instanceof GrpcError && (error.code === codes.notFound || error.code === codes.unimplemented);
      if (absent) return undefined;
      throw error;
    }
  }

  async #readIgnore(): Promise<readonly string[]> {
    const told = this.#client.progress.step({ name: '[internal] load .dockerignore', text: '', line: undefined });
    const tree = this.#tree();
    try {
      const name = this.#client.options.contextkey || 'context';
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
    const { kept, session, scratch } = this.#client;
    const key = JSON.stringify([session.sharedKey, name, exclude]);
    const last = session.sharedKey === '' ? undefined : kept.get(key);
    const tree = new FileTree(scratch, last?.tree);
    try {
      let bytes = 0;
      const progress = (sum: number): void => {
        bytes = sum;
      };
      const stats = await syncFiles(session, { name, exclude, last, progress }, tree);
      if (session.sharedKey !== '') kept.put(key, { tree: tree.copy(scratch), stats });
      told.status('transferring context:', bytes, bytes);
      told.done({ cached: false });
      return tree;
    } catch (error) {
      tree.close();
      told.failed(error);
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

/** A context that the engine would have to fetch itself. */
function refuseRemote(context: string | undefined): void {
  if (context === undefined || context.startsWith('local:')) return;
  if (context.startsWith('input:')) throw invalidArgument(`unsupported build context ${context}`);
  throw notImplemented(`building from ${context} is not part of Berth yet`);
}
