import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { ensureTestPackages } from '../test/support/packages.ts';
import { benchBare } from './bench/bare.ts';
import { benchBuilds } from './bench/builds.ts';
import { benchImages } from './bench/images.ts';
import { benchLoad } from './bench/load.ts';
import { benchMachine } from './bench/machine.ts';
import { benchNative } from './bench/native.ts';
import { benchNetworks } from './bench/networks.ts';
import { table } from './bench/numbers.ts';
import { benchWindow } from './bench/window.ts';
import { benchFollowing } from './bench/window-hour.ts';

/** `npm run bench -- [bare] [native] [load] [images] [build] [networks] [machine] [window] [following --minutes N] [--rounds N] [--output FILE]`: figures beside Docker's, in one run. */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '40' },
    minutes: { type: 'string', default: '60' },
    output: { type: 'string' },
  },
});
const wanted = (part: string): boolean => positionals.length === 0 || positionals.includes(part);
const rounds = Number(values.rounds);

await ensureTestPackages();
const loadBefore = loadavg()[0] ?? 0;
const rows = [
  ...(wanted('bare') ? await benchBare(rounds) : []),
  ...(wanted('native') ? await benchNative(rounds) : []),
  ...(wanted('load') ? await benchLoad(rounds) : []),
  ...(wanted('images') ? await benchImages(Math.max(3, Math.round(rounds / 10))) : []),
  ...(wanted('build') ? await benchBuilds(Math.max(3, Math.round(rounds / 10))) : []),
  ...(wanted('networks') ? await benchNetworks(Math.max(3, Math.round(rounds / 4))) : []),
  ...(wanted('window') ? await benchWindow(Math.max(3, Math.round(rounds / 4))) : []),
  ...(positionals.includes('following') ? await benchFollowing(Number(values.minutes)) : []), // only where it is named: it is long
  ...(wanted('machine') ? await benchMachine(Math.max(3, Math.round(rounds / 10))) : []),
];
const text = `${table(rows)}\n\nLoad before: ${loadBefore.toFixed(1)}. Medians; turns alternate.\n`;
process.stdout.write(text);
if (values.output) await writeFile(values.output, text);
