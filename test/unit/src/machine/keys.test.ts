import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, describe, expect, it } from 'vitest';
import { readJsonFile, writeJsonFile } from '../../../../base/json-file.ts';
import { ensureKeys, newKeyPair } from '../../../../src/machine/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-keys-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the keys of the channel', () => {
  it('can be read, each pair of them', async () => {
    const unreadable = [];
    for (let made = 0; made < 1500; made++) {
      const pair = await newKeyPair();
      if ([pair.public, pair.private].some(key => ssh2.utils.parseKey(key) instanceof Error)) unreadable.push(pair);
    }
    expect(unreadable).toEqual([]);
  });

  it('stay as they are from start to start, and are made anew where a saved one lost a byte', async () => {
    const file = join(folder, 'keys.json');
    const first = await ensureKeys(file);
    expect(await ensureKeys(file)).toEqual(first);
    const stripped = Buffer.concat([Buffer.from('\0\0\0\u000bssh-ed25519\0\0\0\u001f', 'latin1'), Buffer.alloc(31, 7)]);
    const broken = { ...first, user: { ...first.user, public: `ssh-ed25519 ${stripped.toString('base64')}` } };
    await writeJsonFile(file, broken);
    const mended = await ensureKeys(file);
    expect(mended.user.public).not.toBe(broken.user.public);
    expect(readJsonFile(file)).toEqual(mended);
  });
});
