import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { notImplemented } from '../../../contracts/errors.ts';
import { toText } from '../../../contracts/oci/reference.ts';
import type { Image } from '../../images/index.ts';
import { type Builder, toReferences } from '../builder.ts';
import { dropStubs } from '../container-stubs.ts';
import { FileTree } from '../file-tree.ts';
import { sendFiles } from './file-send.ts';
import { encode } from './messages.ts';
import type { Progress } from './progress.ts';
import type { Session } from './session.ts';

/** How a Solve asks for its result: the old fields, or a list. */
export interface ExportRequest {
  Exporter: string;
  ExporterAttrs: Readonly<Record<string, string>>;
  Exporters: readonly { Type: string; Attrs: Readonly<Record<string, string>> }[];
}

interface ExportRooms {
  builder: Builder;
  progress: Progress;
  signal: AbortSignal;
  session(): Promise<Session>;
}

/** Gives the result to whom it was asked for; what it says of it is for the client. @throws not-implemented */
export async function exportImage(
  image: Image,
  request: ExportRequest,
  rooms: ExportRooms,
): Promise<Record<string, string>> {
  const listed =
    request.Exporters.length > 0 ? request.Exporters : [{ Type: request.Exporter, Attrs: request.ExporterAttrs }];
  const answers = await Promise.all(listed.map(({ Type, Attrs }) => exportOne(image, Type, Attrs, rooms)));
  return Object.assign({}, ...answers);
}

async function exportOne(
  image: Image,
  type: string,
  attributes: Readonly<Record<string, string>>,
  rooms: ExportRooms,
): Promise<Record<string, string>> {
  switch (type) {
    case '':
    case 'cacheonly':
      return {};
    case 'moby':
    case 'image':
      return toStore(image, attributes, rooms);
    case 'docker':
    case 'oci': // an archive of ours is both
      return toArchive(image, attributes, rooms);
    case 'tar':
      return toClient(image, 'exporting to client tarball', rooms, sendTree);
    case 'local':
      return toClient(image, 'exporting to client directory', rooms, sendDirectory);
    default:
      throw notImplemented(`the exporter ${JSON.stringify(type)} is not part of Berth yet`);
  }
}

/** It is there already: it gets its names. */
async function toStore(
  image: Image,
  attributes: Readonly<Record<string, string>>,
  { builder, progress }: ExportRooms,
): Promise<Record<string, string>> {
  if (attributes.push === 'true')
    throw notImplemented('pushing from a build is not part of Berth yet: use docker push');
  const told = progress.step({ name: 'exporting to image', text: '', line: undefined });
  try {
    const references = toReferences((attributes.name ?? '').split(',').filter(Boolean));
    told.status('exporting layers', 0, 0);
    told.status(`writing image ${image.id}`, 0, 0);
    await builder.keep(image, references);
    const names = references.map(toText);
    for (const name of names) told.status(`naming to ${name.replace(/:latest$/, '')}`, 0, 0);
    told.done({ cached: false });
    return {
      'containerimage.digest': image.id,
      'containerimage.config.digest': image.id,
      ...(names.length > 0 ? { 'image.name': names.join(',') } : {}),
    };
  } catch (error) {
    told.failed(error);
    throw error;
  }
}

/** `--output type=docker,dest=…`: an archive as `docker save` writes it, sent to the client. */
async function toArchive(
  image: Image,
  attributes: Readonly<Record<string, string>>,
  rooms: ExportRooms,
): Promise<Record<string, string>> {
  const { builder } = rooms;
  const references = toReferences((attributes.name ?? '').split(',').filter(Boolean));
  await builder.keep(image, references);
  const names = references.length > 0 ? references.map(toText) : [image.id];
  const archive = builder.options.images.save(names);
  await told('exporting to docker image format', rooms, async () => sendTar(archive, await rooms.session()));
  return { 'containerimage.config.digest': image.id };
}

/** `--output type=tar` and `type=local`: the files of the root. */
async function toClient(
  image: Image,
  name: string,
  rooms: ExportRooms,
  work: (tree: FileTree, session: Session) => Promise<number>,
): Promise<Record<string, string>> {
  const { snapshots, archive } = rooms.builder.options;
  const id = `build-export-${randomBytes(12).toString('hex')}`;
  await snapshots.prepare(id, image.topChainId);
  const root = snapshots.open(id);
  const tree = new FileTree(rooms.builder.scratch);
  try {
    await tree.addTar(archive.pack({ root: root.path, path: '/', contentsOnly: true }));
    dropStubs(tree);
    await told(name, rooms, async () => work(tree, await rooms.session()));
  } finally {
    tree.close();
    root.close();
    await snapshots.remove(id);
  }
  return {};
}

const fileSend = '/moby.filesync.v1.FileSend/DiffCopy';

async function sendTar(bytes: Readable, session: Session): Promise<number> {
  const call = session.call(fileSend);
  let sent = 0;
  for await (const data of bytes as AsyncIterable<Buffer>) {
    await call.send(encode('BytesMessage', { data }));
    sent += data.length;
  }
  call.end();
  for await (const _ of call.messages) await Promise.resolve();
  return sent;
}

const sendTree = (tree: FileTree, session: Session): Promise<number> => {
  const placed = tree.paths.flatMap(path => {
    const entry = tree.get(path);
    return entry ? [{ path, entry }] : [];
  });
  return sendTar(tree.toTar(placed), session);
};

const sendDirectory = (tree: FileTree, session: Session): Promise<number> => sendFiles(session.call(fileSend), tree);

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
