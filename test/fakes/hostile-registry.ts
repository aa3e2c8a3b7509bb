import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { mediaTypes } from '../../contracts/oci/descriptor.ts';
import { type Behaviour, FakeRegistry, refuse, tarOf } from './fake-registry.ts';

/**
 * A registry whose images are each spoiled in their own way: `node hostile-registry.ts PORT`. What is spoiled once is
 * good from the second request on.
 */
const registry = await FakeRegistry.start({ port: Number(process.argv[2]) });
const spoiled = new Map<string, Behaviour>();
const asked = new Map<string, number>();

registry.behaviour = (request, response) => {
  const url = request.url ?? '';
  const key = [...spoiled.keys()].find(end => url.includes(end));
  if (!key || request.method !== 'GET') return false;
  asked.set(key, (asked.get(key) ?? 0) + 1);
  return spoiled.get(key)?.(request, response) ?? false;
};

const once =
  (behaviour: Behaviour): Behaviour =>
  (request, response) => {
    const key = [...spoiled.keys()].find(end => request.url?.includes(end)) ?? '';
    return asked.get(key) === 1 ? behaviour(request, response) : false;
  };

const sendInstead =
  (bytes: Buffer): Behaviour =>
  (_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length });
    response.end(bytes);
    return true;
  };

/** Half of what was promised, then the connection breaks. */
const cutShort =
  (bytes: Buffer): Behaviour =>
  (_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length });
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
    return true;
  };

const refused =
  (status: number, code: string, message?: string): Behaviour =>
  (_: IncomingMessage, response: ServerResponse) => {
    refuse(response, status, code, message);
    return true;
  };

/** An image of one layer, found by its tag; the layer is its own so that no other image has it. */
async function image(tag: string): Promise<{ path: string; packed: Buffer; config: string; configBytes: Buffer }> {
  const pushed = await registry.addImage(tag, [{ [tag]: Buffer.from(randomBytes(20_000).toString('hex')) }]);
  const [layer] = pushed.layers;
  if (!layer) throw new Error('no layer');
  const configBytes = registry.blobs.get(pushed.id) ?? Buffer.alloc(0);
  return { path: `blobs/${layer.digest}`, packed: layer.packed, config: `blobs/${pushed.id}`, configBytes };
}

function otherBytes(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes);
  other.writeUInt8(other.readUInt8(100) ^ 1, 100);
  return other;
}

async function spoilLayers(): Promise<void> {
  const wrong = await image('wrong-layer');
  spoiled.set(wrong.path, sendInstead(otherBytes(wrong.packed)));
  const wrongOnce = await image('wrong-layer-once');
  spoiled.set(wrongOnce.path, once(sendInstead(otherBytes(wrongOnce.packed))));
  const cut = await image('cut-layer');
  spoiled.set(cut.path, cutShort(cut.packed));
  const cutOnce = await image('cut-layer-once');
  spoiled.set(cutOnce.path, once(cutShort(cutOnce.packed)));
  spoiled.set((await image('missing-layer')).path, refused(404, 'BLOB_UNKNOWN'));
  spoiled.set((await image('forbidden-layer')).path, refused(403, 'DENIED', 'not for you'));
}

async function spoilDocuments(): Promise<void> {
  const wrongConfig = await image('wrong-config');
  spoiled.set(wrongConfig.config, sendInstead(otherBytes(wrongConfig.configBytes)));
  spoiled.set('manifests/broken', refused(500, 'UNKNOWN'));
  spoiled.set('manifests/denied', refused(403, 'DENIED', 'requested access to the resource is denied'));
  spoiled.set('manifests/html', (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end('<html>hello</html>');
    return true;
  });
  spoiled.set('manifests/limited', refused(429, 'TOOMANYREQUESTS', 'You have reached your pull rate limit.'));
  await registry.addImage('foreign', [{ file: 'x' }], { architecture: 's390x', os: 'linux' });
  await registry.addImage('windows', [{ file: 'x' }], { architecture: 'amd64', os: 'windows' });
  registry.addManifest('empty-index', { schemaVersion: 2, manifests: [] }, mediaTypes.ociIndex);
}

/** Layers whose digest is right and whose content is not. */
async function spoilContents(): Promise<void> {
  const contents: [string, Buffer, string?][] = [
    ['no-tar', gzipSync(Buffer.alloc(4096, 'no tar'))],
    ['cut-gzip', gzipSync(await tarOf({ file: randomBytes(50_000) })).subarray(0, 20_000)],
    ['no-gzip', Buffer.alloc(4096, 'plain text')],
    ['wrong-diff-id', gzipSync(await tarOf({ file: 'something else' })), `sha256:${'5'.repeat(64)}`],
  ];
  for (const [tag, packed, diffId] of contents) {
    const config = Buffer.from(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config: {},
        rootfs: { type: 'layers', diff_ids: [diffId ?? `sha256:${'7'.repeat(64)}`] },
      }),
    );
    const [digest, layer] = [registry.addBlob(config), registry.addBlob(packed)];
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config: { mediaType: mediaTypes.dockerConfig, digest, size: config.length },
      layers: [{ mediaType: mediaTypes.dockerLayerGzip, digest: layer, size: packed.length }],
    };
    registry.addManifest(tag, manifest, mediaTypes.dockerManifest);
  }
}

await spoilLayers();
await spoilDocuments();
await spoilContents();
process.stdout.write('ready\n');
