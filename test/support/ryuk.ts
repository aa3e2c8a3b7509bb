import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { succeed } from './command.ts';
import { pythonArchive } from './images.ts';

export const ryukImage = 'ryuk-stand-in:1';

const digestOf = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');

/**
 * Writes a docker-archive of {@link ryukImage} into `folder`: the Python image of the tests, and above it the program
 * beside this file.
 */
export async function writeRyukArchive(folder: string): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), 'berth-ryuk-'));
  try {
    await succeed('tar', ['-xf', await pythonArchive(), '-C', work], { timeoutMs: 120_000 });
    const [base] = JSON.parse(await readFile(join(work, 'manifest.json'), 'utf8'));
    const config = JSON.parse(await readFile(join(work, base.Config), 'utf8'));
    await mkdir(join(work, 'top'));
    await copyFile(join(import.meta.dirname, 'ryuk.py'), join(work, 'top/ryuk.py'));
    const place = ['-C', join(work, 'top'), 'ryuk.py'];
    await succeed('tar', ['-cf', join(work, 'ryuk.tar'), '--owner=0', '--group=0', ...place]);
    const layer = await readFile(join(work, 'ryuk.tar'));
    config.rootfs.diff_ids.push(`sha256:${digestOf(layer)}`);
    config.history.push({ created_by: 'made for the tests' });
    config.config = { ...config.config, Cmd: ['python3', '/ryuk.py'], ExposedPorts: { '8080/tcp': {} } };
    const text = JSON.stringify(config);
    const name = `${digestOf(text)}.json`;
    await writeFile(join(work, name), text);
    const manifest = [{ Config: name, RepoTags: [ryukImage], Layers: [...base.Layers, 'ryuk.tar'] }];
    await writeFile(join(work, 'manifest.json'), JSON.stringify(manifest));
    const archive = join(folder, 'ryuk.tar');
    const members = ['manifest.json', name, 'ryuk.tar', ...base.Layers];
    await succeed('tar', ['-cf', archive, '-C', work, ...members], { timeoutMs: 120_000 });
    return archive;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
