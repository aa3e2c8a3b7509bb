import { posix } from 'node:path';
import { pathMatcher } from '../../../base/path-match.ts';
import { EngineError } from '../../../contracts/errors.ts';
import { shownName } from '../build-sources.ts';
import { cleanPath, type FileTree, type TreeEntry } from '../file-tree.ts';
import type { Definition } from '../graph/graph.ts';
import { type PlatformMessage, platformText, type SourceOperation } from '../graph/operations.ts';
import { bridgeCapabilities, graphCapabilities, worker } from './abilities.ts';
import { statOf } from './file-send.ts';
import type { Answer, Asked } from './frontends.ts';
import type { Job } from './job.ts';
import { decode, encode } from './messages.ts';
import { References, type ResultMessage } from './returned.ts';
import { codes, GrpcError } from './status.ts';

interface BridgeSolve extends Asked {
  Definition: Definition | null;
}

const empty = encode('Empty', {});

const service = '/moby.buildkit.v1.frontend.LLBBridge/';

/** Whether a call is one of {@link Bridge}'s. */
export const isBridgeCall = (path: string): boolean => path.startsWith(service);

/**
 * What a frontend may ask for while it works (BuildKit's LLBBridge): graphs and other frontends to be solved, files of
 * the results, configurations of images; at its end it returns what it has made.
 */
export class Bridge {
  readonly #job: Job;
  readonly #ask: (asked: Asked) => Promise<Answer>;
  readonly #references: References;
  readonly #inputs: Readonly<Record<string, Definition>>;
  readonly #returned = Promise.withResolvers<Answer>();

  /** `inputs`: what the frontend was given to begin with. */
  constructor(job: Job, inputs: Readonly<Record<string, Definition>>, ask: (asked: Asked) => Promise<Answer>) {
    this.#job = job;
    this.#ask = ask;
    this.#inputs = inputs;
    this.#references = new References(job);
    this.#returned.promise.catch(() => undefined);
  }

  /** Answers a call of a method, `/package.Service/Method`. @throws GrpcError for one that is not there */
  answer(path: string, message: Buffer): Promise<Uint8Array> {
    switch (path.replace(service, '')) {
      case 'Ping':
        return Promise.resolve(this.#pong());
      case 'Solve':
        return this.#solve(decode('BridgeSolveRequest', message));
      case 'Return':
        return this.#return(decode('ReturnRequest', message));
      case 'Inputs':
        return Promise.resolve(encode('InputsResponse', { Definitions: this.#inputs }));
      case 'Evaluate': // what has a reference has been made
        return Promise.resolve(empty);
      case 'Warn':
        return Promise.resolve(this.#warn(decode('WarnRequest', message)));
      case 'ReadFile':
        return this.#readFile(decode('ReadFileRequest', message));
      case 'ReadDir':
        return this.#readDirectory(decode('ReadDirectoryRequest', message));
      case 'StatFile':
        return this.#statFile(decode('StatFileRequest', message));
      case 'ResolveImageConfig':
        return this.#resolveImage(decode('ResolveImageRequest', message));
      case 'ResolveSourceMeta':
        return this.#resolveSource(decode('ResolveSourceRequest', message));
      default:
        throw new GrpcError(codes.unimplemented, `unknown method ${path}`);
    }
  }

  /** What the frontend has made, once it says so. @throws what it says went wrong */
  get returned(): Promise<Answer> {
    return this.#returned.promise;
  }

  /** The frontend will say nothing any more. */
  end(error: Error): void {
    this.#returned.reject(error);
  }

  #pong(): Uint8Array {
    const enabled = (names: readonly string[]): object[] => names.map(ID => ({ ID, Enabled: true }));
    return encode('PongResponse', {
      FrontendAPICaps: enabled(bridgeCapabilities),
      LLBCaps: enabled(graphCapabilities),
      Workers: [worker(this.#job.rooms.builder)],
    });
  }

  async #solve(asked: BridgeSolve): Promise<Uint8Array> {
    if (asked.Frontend) return this.#solved(await this.#references.ofAnswer(await this.#ask(asked)));
    const { Definition: definition } = asked;
    return this.#solved(definition && definition.def.length > 0 ? await this.#references.ofGraph(definition) : {});
  }

  #solved(result: object): Uint8Array {
    return encode('BridgeSolveResponse', { result });
  }

  async #return({
    result,
    error,
  }: {
    result: ResultMessage | null;
    error: { code: number; message: string; details: readonly object[] } | null;
  }): Promise<Uint8Array> {
    if (error) {
      const details = error.details.length > 0 ? encode('Status', error) : undefined;
      this.end(new GrpcError(error.code || codes.unknown, error.message, details));
    } else {
      const nothing = { ref: null, refs: null, metadata: {} };
      const answer = this.#references.answer(result ?? nothing);
      this.#returned.resolve(answer);
      await answer;
    }
    return empty;
  }

  #warn({ digest, ...warning }: { digest: string }): Uint8Array {
    this.#job.rooms.progress.passOn({ ...warning, vertex: digest });
    return empty;
  }

  async #readFile({
    Ref,
    FilePath,
    Range,
  }: {
    Ref: string;
    FilePath: string;
    Range: { Offset: number; Length: number } | null;
  }): Promise<Uint8Array> {
    const { tree, entry } = await this.#find(Ref, FilePath);
    if (entry.type !== 'file') throw new EngineError('invalid-argument', `read ${FilePath}: is a ${entry.type}`);
    const { Offset = 0, Length = 0 } = Range ?? {};
    const bytes = tree.bytesOf(entry);
    return encode('BytesMessage', { data: bytes.subarray(Offset, Length > 0 ? Offset + Length : undefined) });
  }

  async #statFile({ Ref, Path }: { Ref: string; Path: string }): Promise<Uint8Array> {
    const { entry } = await this.#find(Ref, Path);
    return encode('StatFileResponse', { stat: statOf(posix.basename(Path), entry) });
  }

  async #readDirectory({
    Ref,
    DirPath,
    IncludePattern,
  }: {
    Ref: string;
    DirPath: string;
    IncludePattern: string;
  }): Promise<Uint8Array> {
    const { tree, place } = await this.#find(Ref, DirPath);
    const matches = pathMatcher(IncludePattern || '*');
    const entries = tree.below(place).flatMap(path => {
      const name = posix.basename(path);
      const entry = tree.get(path);
      const isInside = cleanPath(posix.dirname(`/${path}`)) === place;
      return entry && isInside && matches(name) ? [statOf(name, entry)] : [];
    });
    return encode('ReadDirectoryResponse', { entries });
  }

  /** A file of a result; links are followed inside of it. @throws not-found */
  async #find(ref: string, path: string): Promise<{ tree: FileTree; place: string; entry: TreeEntry }> {
    const tree = await this.#references.get(ref).result?.files([path]);
    const place = tree?.resolve(path);
    const entry = place === undefined ? undefined : tree?.get(place);
    if (!tree || place === undefined || !entry) {
      throw new EngineError('not-found', `open ${path}: no such file or directory`);
    }
    return { tree, place, entry };
  }

  async #resolveImage({
    Ref,
    Platform,
    ResolveMode,
    LogName,
  }: {
    Ref: string;
    Platform: PlatformMessage | null;
    ResolveMode: string;
    LogName: string;
  }): Promise<Uint8Array> {
    const told = this.#job.rooms.progress.step({
      name: LogName || `resolve image config for docker-image://${shownName(Ref)}`,
      text: '',
      line: undefined,
    });
    try {
      const image = await this.#job.image(Ref, platformText(Platform), ResolveMode === 'pull');
      told.done({ cached: false });
      return encode('ResolveImageResponse', { Digest: '', Config: Buffer.from(image.configText), Ref });
    } catch (error) {
      told.failed(error);
      throw error;
    }
  }

  /** Of an image its configuration as well; anything else is what it is. */
  async #resolveSource({
    Source,
    ...request
  }: {
    Source: SourceOperation | null;
    Platform: PlatformMessage | null;
    ResolveMode: string;
    LogName: string;
  }): Promise<Uint8Array> {
    const scheme = 'docker-image://';
    const { identifier = '', attrs = {} } = Source ?? {};
    if (!identifier.startsWith(scheme)) return encode('ResolveSourceResponse', { Source });
    const ResolveMode = request.ResolveMode || (attrs['image.resolvemode'] ?? '');
    const answer = await this.#resolveImage({ ...request, Ref: identifier.slice(scheme.length), ResolveMode });
    return encode('ResolveSourceResponse', { Source, Image: decode('ResolveImageResponse', answer) });
  }
}
