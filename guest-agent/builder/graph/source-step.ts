import { posix } from 'node:path';
import { EngineError, invalidArgument } from '../../../contracts/errors.ts';
import { type FileTree, plainEntry } from '../file-tree.ts';
import type { GitAddress } from '../git/address.ts';
import { commitStep } from '../layers.ts';
import { fetchFile, fetchGit } from '../remote-files.ts';
import { ownImageIn } from './graph.ts';
import { platformText, type SourceOperation } from './operations.ts';
import { filesResult, layersResult, placedOf } from './result.ts';
import { cachedOutput, type OperationStep, type Outcome, type Work } from './rooms.ts';

/** Something from outside: an image, a directory of the client's, a repository, a file of the web. */
export const sourceStep =
  ({ identifier, attrs }: SourceOperation): OperationStep =>
  async work => {
    const { rooms } = work;
    const own = ownImageIn(identifier);
    if (own !== undefined) return layers(rooms.options.images.get(own), work);
    const [, scheme = '', rest = ''] = /^([\w+-]+):\/\/(.*)$/s.exec(identifier) ?? [];
    switch (scheme) {
      case 'docker-image':
        return imageOf(rest, attrs, work);
      case 'oci-layout':
        return layers(await storedImage(rest, attrs, work), work);
      case 'local':
        return files(await rooms.input.local(localRequest(rest, attrs), work.told), work, `local source for ${rest}`);
      case 'git':
        return files(await repository(rest, attrs, work), work);
      case 'http':
      case 'https':
        return files(await webFile(identifier, attrs, work), work);
      default:
        throw new EngineError('not-found', `failed to load cache key: unknown scheme ${scheme}: not found`);
    }
  };

type Attributes = SourceOperation['attrs'];
type Image = Parameters<typeof layersResult>[0];

const layers = (image: Image, { rooms }: Work, cached = false): Outcome => ({
  outputs: [layersResult(image, rooms.sources)],
  cached,
});

/** Whoever wants them as a layer gets the one that was made of the same files before. */
function files(tree: FileTree, work: Work, createdBy = work.vertex.name): Outcome {
  const { options, request } = work.rooms;
  const result = filesResult(tree, async () => {
    const output = { parent: undefined, createdBy, epoch: request.epoch };
    const key = ['FILES', await result.seen('/')];
    const make = () => commitStep({ ...output, tar: tree.toTar(placedOf(tree)) }, options);
    return (await cachedOutput(key, work, make)).image;
  });
  return { outputs: [result], cached: false };
}

async function imageOf(name: string, attributes: Attributes, work: Work): Promise<Outcome> {
  const { vertex, rooms } = work;
  const { sources, options } = rooms;
  const platform = sources.platformOf(platformText(vertex.operation.platform));
  const isHere = options.images.find(name) !== undefined;
  const image = await sources.fetch(name, platform, attributes['image.resolvemode'] === 'pull');
  return layers(image, work, isHere);
}

function storedImage(name: string, attributes: Attributes, { rooms }: Work) {
  const [store = '', digest] = name.split('@');
  if (!digest) throw invalidArgument(`oci-layout://${name} names no digest`);
  return rooms.input.stored(attributes['oci.store'] || store, digest);
}

const localRequest = (name: string, attributes: Attributes) => ({
  name,
  include: listOf(attributes['local.includepattern']),
  exclude: listOf(attributes['local.excludepatterns']),
  follow: listOf(attributes['local.followpaths']),
});

/** A JSON list of words. @throws invalid-argument */
function listOf(text: string | undefined): string[] {
  if (!text) return [];
  const list: unknown = JSON.parse(text);
  if (Array.isArray(list) && list.every(each => typeof each === 'string')) return list;
  throw invalidArgument(`failed to parse patterns ${text}`);
}

/** `host/path#ref:folder`; the address as it was meant is an attribute. */
async function repository(name: string, attributes: Attributes, { rooms }: Work): Promise<FileTree> {
  const [location = '', fragment = ''] = name.split(/#(.*)/s);
  const [ref = '', folder = ''] = fragment.split(/:(.*)/s);
  const address: GitAddress = {
    remote: attributes['git.fullurl'] || `https://${location}`,
    ref,
    subdirectory: folder.replace(/^\/+|(?<!\/)\/+$/g, ''),
    checksum: attributes['git.checksum'] ?? '',
  };
  const tree = rooms.sources.tree();
  const keepGitFolder = attributes['git.keepgitdir'] === 'true';
  await fetchGit(address, { tree, prefix: '', keepGitFolder }, remoteRooms(rooms));
  return tree;
}

/** One file, with the name, mode and owner that are asked for. */
async function webFile(address: string, attributes: Attributes, { rooms }: Work): Promise<FileTree> {
  const tree = rooms.sources.tree();
  const { pathname } = new URL(address);
  const name = posix.basename(posix.normalize(`/${attributes['http.filename'] || posix.basename(pathname)}`));
  const path = name || 'download';
  const mode = Number.parseInt(attributes['http.perm'] || '600', 8);
  await fetchFile(address, { tree, path }, { checksum: attributes['http.checksum'], mode }, remoteRooms(rooms));
  const entry = tree.get(path) ?? plainEntry('file');
  const [uid, gid] = [attributes['http.uid'], attributes['http.gid']].map(id => Number(id ?? 0));
  tree.add(path, { ...entry, uid: uid ?? 0, gid: gid ?? 0 });
  return tree;
}

const remoteRooms = ({ options, sources, signal, input }: Work['rooms']) => ({
  options,
  scratch: sources.scratch,
  signal,
  secret: (id: string) => input.secret(id),
});
