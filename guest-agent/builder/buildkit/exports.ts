import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { invalidArgument, notImplemented } from '../../../contracts/errors.ts';
import { type Reference, toText } from '../../../contracts/oci/reference.ts';
import { formatPlatform, type Image, type PlatformImage } from '../../images/index.ts';
import { type Builder, toReferences } from '../builder.ts';
import { dropStubs } from '../container-stubs.ts';
import type { StepWatcher } from '../contract.ts';
import { FileTree, plainEntry } from '../file-tree.ts';
import { credentialsFor } from './credentials.ts';
import { sendFiles } from './file-send.ts';
import { encode } from './messages.ts';
import type { Progress } from './progress.ts';
import type { ClientCall, Session } from './session.ts';

type ExportAttributes = Readonly<Record<string, string>>;

/** How a Solve asks for its result: the old fields, or a list. */
export interface ExportRequest {
  Exporter: string;
  ExporterAttrs: Readonly<Record<string, string>>;
  Exporters: readonly { Type: string; Attrs: Readonly<Record<string, string>> }[];
}

export interface ExportRooms {
  builder: Builder;
  progress: Progress;
  signal: AbortSignal;
  session(): Promise<Session>;
  /** With what is to be said of them to whoever gets them under those names. */
  attested(images: readonly PlatformImage[], references: readonly Reference[]): readonly PlatformImage[];
}

/** One of several exports; the client has a place for what each sends. */
interface ExporterRooms extends ExportRooms {
  /** Its number in the client's list. */
  exporter: number;
}

/** Gives the result to whom it was asked for; what it says of it is for the client. @throws not-implemented */
export async function exportImages(
  images: readonly PlatformImage[],
  request: ExportRequest,
  rooms: ExportRooms,
): Promise<Record<string, string>> {
  const listed =
    request.Exporters.length > 0 ? request.Exporters : [{ Type: request.Exporter, Attrs: request.ExporterAttrs }];
  const work = listed.map(({ Type, Attrs }, exporter) => exportAs(Type, images, Attrs, { ...rooms, exporter }));
  return Object.assign({}, ...(await Promise.all(work)));
}

/** Several images are those of several platforms: an index of them, or a folder for each. */
async function exportAs(
  type: string,
  images: readonly PlatformImage[],
  attributes: ExportAttributes,
  rooms: ExporterRooms,
): Promise<Record<string, string>> {
  const [first, ...others] = images;
  const only = others.length === 0 ? first?.image : undefined;
  switch (type) {
    case '':
    case 'cacheonly':
      return {};
    case 'moby':
    case 'image':
      return first && only ? toStore(first, attributes, rooms) : toStoreAsIndex(images, attributes, rooms);
    case 'docker':
      if (!only) throw notImplemented('docker exporter does not currently support exporting manifest lists');
      return toArchive(only, attributes, rooms);
    case 'oci':
      return toLayout(images, attributes, rooms);
    case 'tar':
    case 'local':
      return toClient(only ? [{ prefix: '', image: only }] : foldersOf(images, attributes), type, rooms);
    default:
      throw invalidArgument(`exporter ${JSON.stringify(type)} could not be found`);
  }
}

/** Where the files of each platform go. */
function foldersOf(images: readonly PlatformImage[], attributes: ExportAttributes): { prefix: string; image: Image }[] {
  const isSplit = attributes['platform-split'] !== 'false';
  return images.map(({ platform, image }) => ({
    prefix: isSplit ? formatPlatform(platform).replaceAll('/', '_') : '',
    image,
  }));
}

const referencesIn = ({ name = '' }: ExportAttributes): Reference[] => toReferences(name.split(',').filter(Boolean));

/** Several platforms under one name, here and, with `push`, in registries. */
async function toStoreAsIndex(
  images: readonly PlatformImage[],
  attributes: ExportAttributes,
  { builder, progress, attested, ...rooms }: ExportRooms,
): Promise<Record<string, string>> {
  const told = progress.step({ name: 'exporting to image', text: '', line: undefined });
  try {
    const references = referencesIn(attributes);
    told.status('exporting layers', 0, 0);
    let digest: string = await builder.keepIndex(images, references);
    told.status(`exporting manifest list ${digest}`, 0, 0);
    for (const reference of references) told.status(`naming to ${toText(reference)}`, 0, 0);
    if (attributes.push === 'true') {
      digest = await pushIndex(attested(images, references), references, told, { builder, ...rooms });
    }
    told.done({ cached: false });
    return { 'containerimage.digest': digest, 'image.name': attributes.name ?? '' };
  } catch (error) {
    told.failed(error);
    throw error;
  }
}

/** Each under all of its names, with what is said of it. Resolves with the digest of the index. */
async function pushIndex(
  images: readonly PlatformImage[],
  references: readonly Reference[],
  told: StepWatcher,
  { builder, signal, session }: Pick<ExportRooms, 'builder' | 'signal' | 'session'>,
): Promise<string> {
  let digest = '';
  for (const reference of references) {
    const auth = await credentialsFor(await session(), reference.domain);
    const options = { ...(auth ? { auth } : {}), progress: () => undefined, signal };
    digest = await builder.options.images.pushIndex(reference, images, options);
    told.status(`pushing manifest for ${toText(reference)}`, 0, 0);
  }
  return digest;
}

/** An archive of ours is an OCI layout, too; where there is more than an image it has an index. */
async function toLayout(
  images: readonly PlatformImage[],
  attributes: ExportAttributes,
  rooms: ExporterRooms,
): Promise<Record<string, string>> {
  const references = referencesIn(attributes);
  const [first, ...others] = rooms.attested(images, references);
  if (first && others.length === 0 && !first.statement) return toArchive(first.image, attributes, rooms);
  const archive = rooms.builder.options.images.saveIndex(first ? [first, ...others] : [], references);
  await told('exporting to oci image format', rooms, () => sendTar(archive, rooms));
  return {};
}

/** It is there already: it gets its names. What is said of it goes where it is pushed to. */
async function toStore(
  only: PlatformImage,
  attributes: ExportAttributes,
  rooms: ExporterRooms,
): Promise<Record<string, string>> {
  const { builder, progress, attested } = rooms;
  const { image } = only;
  const told = progress.step({ name: 'exporting to image', text: '', line: undefined });
  try {
    const references = referencesIn(attributes);
    let digest: string = image.id;
    told.status('exporting layers', 0, 0);
    told.status(`writing image ${image.id}`, 0, 0);
    await builder.keep(image, references);
    const names = references.map(toText);
    for (const name of names) told.status(`naming to ${name.replace(/:latest$/, '')}`, 0, 0);
    if (attributes.push === 'true') {
      const said = attested([only], references);
      if (said.some(({ statement }) => statement)) digest = await pushIndex(said, references, told, rooms);
      else await push(references, told, rooms);
    }
    told.done({ cached: false });
    return {
      'containerimage.digest': digest,
      'containerimage.config.digest': image.id,
      ...(names.length > 0 ? { 'image.name': names.join(',') } : {}),
    };
  } catch (error) {
    told.failed(error);
    throw error;
  }
}

/** `--push`: as `docker push` does it, with what the client knows of the registry. */
async function push(
  references: readonly Reference[],
  told: StepWatcher,
  { builder, signal, session }: ExportRooms,
): Promise<void> {
  for (const reference of references) {
    const auth = await credentialsFor(await session(), reference.domain);
    told.status('pushing layers', 0, 0);
    await builder.options.images.push(reference, { ...(auth ? { auth } : {}), progress: () => undefined, signal });
    told.status(`pushing manifest for ${toText(reference)}`, 0, 0);
  }
}

/** `--output type=docker,dest=…`: an archive as `docker save` writes it, sent to the client. */
async function toArchive(
  image: Image,
  attributes: ExportAttributes,
  rooms: ExporterRooms,
): Promise<Record<string, string>> {
  const { builder } = rooms;
  const references = referencesIn(attributes);
  await builder.keep(image, references);
  const names = references.length > 0 ? references.map(toText) : [image.id];
  const archive = builder.options.images.save(names);
  await told('exporting to docker image format', rooms, () => sendTar(archive, rooms));
  return { 'containerimage.config.digest': image.id };
}

/** `--output type=tar` and `type=local`: the files of the roots, each below its folder. */
async function toClient(
  parts: readonly { prefix: string; image: Image }[],
  type: 'tar' | 'local',
  rooms: ExporterRooms,
): Promise<Record<string, string>> {
  const tree = new FileTree(rooms.builder.scratch);
  try {
    for (const { prefix, image } of parts) await addRoot(tree, prefix, image, rooms);
    const [name, send] =
      type === 'tar'
        ? (['exporting to client tarball', sendTree] as const)
        : (['exporting to client directory', sendDirectory] as const);
    await told(name, rooms, () => send(tree, rooms));
  } finally {
    tree.close();
  }
  return {};
}

async function addRoot(
  tree: FileTree,
  prefix: string,
  image: Image,
  { builder: { options, scratch } }: ExportRooms,
): Promise<void> {
  const { snapshots, archive } = options;
  const id = `build-export-${randomBytes(12).toString('hex')}`;
  await snapshots.prepare(id, image.topChainId);
  const root = snapshots.open(id);
  const files = new FileTree(scratch, tree);
  try {
    await files.addTar(archive.pack({ root: root.path, path: '/', contentsOnly: true }));
    dropStubs(files);
    if (prefix !== '') tree.add(prefix, plainEntry('directory'));
    for (const path of files.paths) {
      const entry = files.get(path);
      if (entry) tree.add(posix.join(prefix, path), entry);
    }
  } finally {
    files.close();
    root.close();
    await snapshots.remove(id);
  }
}

/** A call to the client's place for this export (BuildKit's session/filesync). */
const placeFor = async ({ session, exporter }: ExporterRooms): Promise<ClientCall> =>
  (await session()).call('/moby.filesync.v1.FileSend/DiffCopy', {
    'buildkit-attachable-exporter-id': String(exporter),
  });

async function sendTar(bytes: Readable, rooms: ExporterRooms): Promise<number> {
  const call = await placeFor(rooms);
  let sent = 0;
  for await (const data of bytes as AsyncIterable<Buffer>) {
    await call.send(encode('BytesMessage', { data }));
    sent += data.length;
  }
  call.end();
  for await (const _ of call.messages) await Promise.resolve();
  return sent;
}

const sendTree = (tree: FileTree, rooms: ExporterRooms): Promise<number> => {
  const placed = tree.paths.flatMap(path => {
    const entry = tree.get(path);
    return entry ? [{ path, entry }] : [];
  });
  return sendTar(tree.toTar(placed), rooms);
};

const sendDirectory = async (tree: FileTree, rooms: ExporterRooms): Promise<number> =>
  sendFiles(await placeFor(rooms), tree);

/** A step that a client sees, and how much it sent. */
async function told(name: string, { progress }: ExportRooms, work: () => Promise<number>): Promise<void> {
  const step = progress.step({ name, text: '', line: undefined });
  try {
    const sent = await work();
    step.status('copying files', sent, sent);
    step.done({ cached: false });
  } catch (error) {
    step.failed(error);
    throw error;
  }
}
