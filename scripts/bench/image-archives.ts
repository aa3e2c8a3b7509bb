import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { succeed } from '../../test/support/command.ts';
import { servicesArchive, writeArchive } from '../../test/support/images.ts';

/** Images of a real root file system, each of them new to every engine. */
export interface ImageArchives {
  /** A docker-archive of so many layers, each of 250 MB of a Debian root, called `name`. */
  make(name: string, layers: number): Promise<string>;
  remove(): Promise<void>;
}

/** What makes the root half as large again: a compiler that PostgreSQL may use, and other people's languages. */
const dropped = [
  'usr/lib/*/libLLVM*',
  'usr/lib/*/libz3*',
  'usr/share/locale',
  'usr/share/i18n',
  'usr/share/doc',
  'var/lib/postgresql',
];

/** Unpacked once; each layer has it under another folder, with a file that no other has. */
export async function imageArchives(): Promise<ImageArchives> {
  const work = await mkdtemp(join(tmpdir(), 'berth-bench-images-'));
  const source = join(work, 'archive');
  const root = join(work, 'root');
  for (const folder of [source, root]) await mkdir(folder);
  await succeed('tar', ['-xf', await servicesArchive(), '-C', source], { timeoutMs: 60_000 });
  await succeed('sh', ['-c', `tar -xf ${source}/*/layer.tar -C ${root}; rm -r ${source}`], { timeoutMs: 60_000 });
  await succeed('sh', ['-c', `cd ${root} && rm -r ${dropped.join(' ')}`]);
  let made = 0;
  return {
    make: async (name, count) => {
      const layers: string[] = [];
      for (let layer = 0; layer < count; layer++) {
        const path = join(work, `layer-${layer}.tar`);
        await writeFile(join(root, 'only-here'), `${name} ${layer} ${process.pid}`);
        await succeed('tar', ['-cf', path, '-C', work, `--transform=s,^root,part-${layer},S`, 'root'], {
          timeoutMs: 60_000,
        });
        layers.push(path);
      }
      const output = join(work, `image-${++made}.tar`);
      await writeArchive(layers, { name, config: { Cmd: ['true'] } }, output);
      for (const layer of layers) await rm(layer);
      return output;
    },
    remove: () => rm(work, { recursive: true, force: true }),
  };
}
