import { createReadStream, existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { bytesOf, type HttpTarget, httpBytes, httpJson, httpOpen, refusal } from '../../base/http-client.ts';
import { bridgeCalls } from '../../contracts/bridge.ts';
import type { VolumeDocument } from '../../contracts/docker/volumes.ts';
import { invalidArgument, unavailable } from '../../contracts/errors.ts';
import { BackupPlans, writeVolume } from '../backups/index.ts';
import { isSure } from './sure.ts';
import { ensureHome, type Surroundings } from './surroundings.ts';

const examples = `
Examples:
  berth volume export data -o data.tar.zst      back it up, compressed as the name says
  berth volume import data data.tar.zst         and back again, into a volume that is new or empty
  berth volume export data | ssh other berth volume import data
`;

/** Declares `berth volume` and what it does: backups of volumes, which docker itself has no command for. */
export function addVolumes(program: Command, around: Surroundings): void {
  const group = program
    .command('volume')
    .description('back up, restore, copy and empty volumes')
    .option('--socket <path>', "another engine's socket")
    .addHelpText('after', examples);
  const engine = (): HttpTarget => engineAt(group.opts<{ socket?: string }>().socket ?? around.home.dockerSocket);
  group
    .command('ls')
    .description('the volumes, with their sizes and how many containers have them')
    .option('--json', 'as a JSON document')
    .action(async ({ json }: { json?: true }) => {
      const volumes = await listVolumes(engine());
      for (const line of json ? [JSON.stringify(volumes, null, 2)] : volumeLines(volumes)) around.print(line);
    });
  group
    .command('export')
    .description('the files of a volume as a tar, with owners, times, attributes and holes; containers may go on')
    .argument('<volume>')
    .option('-o, --output <file>', 'where to; .gz and .zst are compressed (else to standard output)')
    .option('--pause', 'freeze the containers that use it meanwhile, so that all files are of one moment')
    .action((volume: string, options: { output?: string; pause?: true }) => exportVolume(engine(), volume, options));
  group
    .command('import')
    .description(
      'make a tar (plain, gzip or zstd) the files of a volume, all of it or nothing; made if it is not there',
    )
    .argument('<volume>')
    .argument('[file]', 'the tar (else from standard input)')
    .option('--replace', 'even if the volume has files: they go')
    .action(async (volume: string, file: string | undefined, { replace = false }: { replace?: boolean }) => {
      if (file !== undefined && file !== '-' && !existsSync(file)) throw invalidArgument(`${file} is not there`);
      const stream = file === undefined || file === '-' ? process.stdin : createReadStream(file);
      await ask(engine(), 'PUT', `${at(volume)}/archive?replace=${replace}`, stream);
      around.print(volume);
    });
  group
    .command('clone')
    .description('a new volume with the same files and labels; its name is printed')
    .argument('<volume>')
    .argument('[new]', 'its name (else one is made up)')
    .option('--pause', 'as for export')
    .action(async (volume: string, to: string | undefined, { pause = false }: { pause?: boolean }) => {
      const query = new URLSearchParams({ pause: String(pause), ...(to !== undefined && { to }) });
      const made = JSON.parse(String(await ask(engine(), 'POST', `${at(volume)}/clone?${query}`))) as VolumeDocument;
      around.print(made.Name);
    });
  group
    .command('schedule')
    .description('back a volume up again and again, while berth is up; without a folder: tell what is backed up')
    .argument('[volume]')
    .option('--folder <folder>', 'where to: an absolute path of this computer')
    .option('--every <hours>', 'how often', '24')
    .option('--keep <count>', 'how many backups stay', '7')
    .option('--off', 'no longer')
    .action((volume: string | undefined, options: ScheduleOptions) => schedule(around, volume, options));
  group
    .command('empty')
    .description('remove all files of a volume that no running container uses')
    .argument('<volume>')
    .option('-y, --yes', 'do not ask')
    .action(async (volume: string, { yes }: { yes?: true }) => {
      if (!yes && !(await isSure(`Remove all files of the volume ${volume}?`, 'all files of the volume')))
        throw invalidArgument('nothing was removed');
      await ask(engine(), 'POST', `${at(volume)}/empty`);
      around.print(volume);
    });
}

interface ScheduleOptions {
  folder?: string;
  every: string;
  keep: string;
  off?: true;
}

function schedule(
  around: Surroundings,
  volume: string | undefined,
  { folder, every, keep, off }: ScheduleOptions,
): void {
  const plans = new BackupPlans(around.home.backups);
  if (volume !== undefined && off) plans.remove(volume);
  else if (volume !== undefined && folder !== undefined) {
    const request = { volume, folder, everyHours: Number(every), keep: Number(keep) };
    ensureHome(around);
    plans.put({ ...bridgeCalls.keepBackup(request, 'schedule'), problem: '' });
  } else {
    for (const { volume: name, folder: to, everyHours, keep: most, tried, problem } of plans.list())
      around.print(
        `${name}  every ${everyHours} h into ${to}, ${most} kept  ${problem || (tried ? `last ${new Date(tried).toISOString()}` : 'not yet')}`,
      );
  }
}

/** One volume, for people and programs. */
export interface VolumeRow {
  name: string;
  /** -1: unknown */
  sizeBytes: number;
  containers: number;
  labels: Record<string, string>;
}

const at = (volume: string): string => `/volumes/${encodeURIComponent(volume)}`;

/** @throws unavailable, with what to do, when there is no engine */
function engineAt(socketPath: string): HttpTarget {
  if (!existsSync(socketPath)) throw unavailable('berth is not running; `berth up` starts it');
  return { socketPath };
}

const ask = (engine: HttpTarget, method: string, path: string, stream?: Readable): Promise<Buffer> =>
  httpBytes(engine, method, path, stream ? { stream } : {});

async function listVolumes(engine: HttpTarget): Promise<VolumeRow[]> {
  const usage = (await httpJson(engine, 'GET', '/v1.47/system/df?type=volume')) as { Volumes: VolumeDocument[] | null };
  return (usage.Volumes ?? [])
    .map(({ Name, Labels, UsageData }) => ({
      name: Name,
      sizeBytes: UsageData?.Size ?? -1,
      containers: UsageData?.RefCount ?? 0,
      labels: Labels ?? {},
    }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** A table. */
export function volumeLines(volumes: readonly VolumeRow[]): string[] {
  const rows = volumes.map(({ name, sizeBytes, containers }) => [name, bytesText(sizeBytes), String(containers)]);
  const table = [['VOLUME', 'SIZE', 'CONTAINERS'], ...rows];
  const widths = [0, 1].map(column => Math.max(...table.map(row => row[column]?.length ?? 0)));
  return table.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** As docker writes sizes: powers of a thousand. */
function bytesText(bytes: number): string {
  if (bytes < 0) return 'unknown';
  const power = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(4))} ${units[power]}`;
}

/** A file appears whole or not at all. @throws what the engine answers */
async function exportVolume(
  engine: HttpTarget,
  volume: string,
  { output, pause = false }: { output?: string; pause?: boolean },
): Promise<void> {
  if (output !== undefined && output !== '-') return writeVolume(engine, volume, output, pause);
  if (process.stdout.isTTY) throw invalidArgument('a tar is not for a terminal: name a file with -o, or pipe it');
  const path = `${at(volume)}/archive?pause=${pause}`;
  const answer = await httpOpen(engine, 'GET', path);
  const status = answer.statusCode ?? 0;
  if (status >= 300) throw refusal(status, await bytesOf(answer), `GET ${path}`);
  return pipeline(answer, process.stdout, { end: false });
}
