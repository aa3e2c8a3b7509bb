import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { syncFiles } from '../../../../../guest-agent/builder/buildkit/file-sync.ts';
import { frame, Unframer } from '../../../../../guest-agent/builder/buildkit/frames.ts';
import type { KeptContext } from '../../../../../guest-agent/builder/buildkit/kept-contexts.ts';
import { decode, encode } from '../../../../../guest-agent/builder/buildkit/messages.ts';
import type { ClientCall } from '../../../../../guest-agent/builder/buildkit/session.ts';
import { type Packet, packets } from '../../../../../guest-agent/builder/buildkit/wire.ts';
import { FileTree } from '../../../../../guest-agent/builder/file-tree.ts';

let scratch: string;
const trees: FileTree[] = [];

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'berth-sync-'));
});
afterEach(async () => {
  for (const tree of trees.splice(0)) tree.close();
  await rm(scratch, { recursive: true });
});

interface ClientFile {
  path: string;
  content?: string;
  modTime?: number;
  linkname?: string;
}

/** A client with these files, in their order; tells which of them were asked for. */
function clientWith(files: readonly ClientFile[]): { call(): ClientCall; asked: string[] } {
  const asked: string[] = [];
  const call = (): ClientCall => {
    const replies: Uint8Array[] = files.map(({ path, content = '', modTime = 1, linkname = '' }) =>
      encode('Packet', { type: packets.stat, stat: { path, mode: 0o644, size: content.length, modTime, linkname } }),
    );
    replies.push(encode('Packet', { type: packets.stat }));
    return {
      send: async message => {
        const { type, ID } = decode<Packet>('Packet', message);
        if (type === packets.end) return void replies.push(encode('Packet', { type: packets.end }));
        asked.push(files[ID]?.path ?? '');
        replies.push(encode('Packet', { type: packets.data, ID, data: Buffer.from(files[ID]?.content ?? '') }));
        replies.push(encode('Packet', { type: packets.data, ID }));
      },
      end: () => undefined,
      messages: (async function* () {})(),
      read: async (take, skip) => {
        let skips = skip;
        // grows while it is read
        for (const each of replies) {
          const skipped = skips?.(frame(each));
          if (skipped === true) continue;
          skips = undefined;
          if (skipped) for (const message of new Unframer().push(skipped)) take(message);
          take(Buffer.from(each));
        }
      },
    };
  };
  return { call, asked };
}

async function sync(files: readonly ClientFile[], last?: KeptContext) {
  const tree = new FileTree(scratch, last?.tree);
  trees.push(tree);
  const client = clientWith(files);
  const told = await syncFiles(client, { name: 'context', last }, tree);
  const found = tree.paths.map(path => [path, String(tree.bytesOf(tree.get(path) ?? expect.fail()))]);
  return { asked: client.asked, files: Object.fromEntries(found), kept: { tree, told, session: '' } };
}

const file = (path: string, content = path, modTime = 1): ClientFile => ({ path, content, modTime });
const link = (path: string, linkname: string): ClientFile => ({ path, linkname });

test('what is as it was is not asked for again, whatever else has changed', async () => {
  const first = await sync([file('a'), file('b'), link('c', 'b'), file('d')]);
  expect([first.asked, first.files]).toEqual([['a', 'b', 'd'], { a: 'a', b: 'b', c: 'b', d: 'd' }]);

  const same = await sync([file('a'), file('b'), link('c', 'b'), file('d')], first.kept);
  expect([same.asked, same.files]).toEqual([[], first.files]);

  const changed = await sync([file('a'), file('b', 'B', 2), link('c', 'b'), file('d')], same.kept);
  expect([changed.asked, changed.files]).toEqual([['b'], { a: 'a', b: 'B', c: 'B', d: 'd' }]);

  const fewer = await sync([file('a'), file('d')], changed.kept);
  expect([fewer.asked, fewer.files]).toEqual([[], { a: 'a', d: 'd' }]);

  const more = await sync([file('a'), file('b2'), file('d'), file('e')], fewer.kept);
  expect([more.asked, more.files]).toEqual([['b2', 'e'], { a: 'a', b2: 'b2', d: 'd', e: 'e' }]);

  const none = await sync([], more.kept);
  expect([none.asked, none.files]).toEqual([[], {}]);
  expect(first.files).toEqual({ a: 'a', b: 'b', c: 'b', d: 'd' });
});
