import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Command } from 'commander';
import { readJsonFile, writeJsonFileSync } from '../../base/json-file.ts';
import type { CallRequest, MachineView, SettingsView } from '../../contracts/bridge.ts';
import { invalidArgument, notImplemented, unavailable } from '../../contracts/errors.ts';
import { BackupPlans, listBackups, restoreBackup, runBackup } from '../backups/index.ts';
import { type BridgeServers, engineStreams, openComposer, openRegistries, serveDashboard } from '../dashboard/index.ts';
import { defaultSettings, readSettings } from '../settings/index.ts';
import { doctor } from './doctor.ts';
import { Engines } from './engines.ts';
import { readStatus, type Status } from './status.ts';
import { ensureHome, type Surroundings } from './surroundings.ts';
import { streamCommand } from './window-command.ts';

/** Declares `berth dashboard`. */
export function addDashboard(program: Command, around: Surroundings): void {
  program
    .command('dashboard')
    .description("Berth's window in a browser: serves it on loopback and prints an address that opens it once")
    .option('--port <port>', 'where it listens', '0')
    .option('--socket <path>', "another engine's socket")
    .action(async ({ port, socket }: { port: string; socket?: string }) => {
      if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw invalidArgument(`--port ${port} is no port`);
      await dashboard(around, Number(port), socket ?? around.home.dockerSocket);
    });
}

/** Serves until Ctrl-C. A line feed on standard input prints another address, for another browser. */
async function dashboard(around: Surroundings, port: number, socket: string): Promise<void> {
  const served = await serveDashboard(rendererFolder(around.project), bridgeServers(around, socket), port);
  around.print(served.newAddress());
  around.tell('Open this address; it works once. Enter prints another, Ctrl-C ends the dashboard; containers go on.');
  process.stdin.on('data', () => around.print(served.newAddress()));
  process.stdin.on('error', () => undefined);
  await new Promise<void>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  process.stdin.destroy();
  await served.close();
}

/** Where the built window is; built anew when a source is younger. @throws unavailable when it cannot be built */
function rendererFolder(project: string): string {
  const folder = join(project, 'dist', 'renderer');
  const page = join(folder, 'index.html');
  const sources = join(project, 'renderer');
  if (!existsSync(sources) || builtAt(page) > lastChange(project)) return folder;
  const build = join(project, 'scripts', 'build-renderer.ts');
  const { status, stderr } = spawnSync(process.execPath, [build], { cwd: project, encoding: 'utf8' });
  if (status !== 0 && !existsSync(page)) throw unavailable(`The window could not be built:\n${stderr}`);
  return folder;
}

const builtAt = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function lastChange(project: string): number {
  const files = ['renderer', 'contracts'].flatMap(folder =>
    readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' }).map(name => join(project, folder, name)),
  );
  return Math.max(...[...files, join(project, 'package-lock.json')].map(builtAt));
}

/** Who answers the window: this home, and the engine at `socket`. */
export function bridgeServers(around: Surroundings, socket: string): BridgeServers {
  const { home } = around;
  const engines = new Engines(socket, dockerHostOf(around, socket), around.env);
  const compose = openComposer(around.env, () => engines.dockerHost);
  const plans = new BackupPlans(home.backups);
  const registries = openRegistries(around.env, () => engines.dockerHost);
  return {
    calls: {
      engines: async () => ({ engines: await engines.list() }),
      chooseEngine: async ({ name }) => {
        await engines.choose(name);
        return {};
      },
      backups: () => ({ plans: plans.list() }),
      keepBackup: plan => {
        ensureHome(around);
        plans.put({ ...plan, problem: '' });
        return {};
      },
      dropBackup: ({ volume }) => {
        plans.remove(volume);
        return {};
      },
      backUpNow: async ({ volume }) => {
        const plan = plans.get(volume);
        const tried = Date.now();
        const file = await runBackup(engines.target, plan, tried);
        plans.record(volume, { tried, problem: '' });
        return { file };
      },
      backupFiles: async ({ volume }) => ({ files: await listBackups(plans.get(volume)) }),
      logIns: async () => ({ logIns: await registries.list() }),
      logIn: async request => {
        await registries.logIn(request);
        return {};
      },
      logOut: async ({ registry }) => {
        await registries.logOut(registry);
        return {};
      },
      composeFile: ({ path }) => compose.read(path),
      saveComposeFile: ({ path, text }) => compose.save(path, text),
      checkCompose: ({ path, text }) => compose.check(path, text),
      about: () => ({
        version: (JSON.parse(readFileSync(join(around.project, 'package.json'), 'utf8')) as { version: string })
          .version,
        home: home.folder,
        engine: engines.name,
        dockerHost: engines.isForeign ? engines.host : engines.dockerHost,
        platform: `${process.platform} ${process.arch}`,
      }),
      doctor: () => doctor(around),
      hostLog: ({ lines }) => ({
        text: existsSync(home.log) ? readFileSync(home.log, 'utf8').split('\n').slice(-lines).join('\n') : '',
      }),
      settings: () => settingsView(around),
      changeSettings: change => changeSettings(around, change),
      changeDesktop: () => {
        throw notImplemented('A browser is no desktop program');
      },
    },
    streams: {
      ...engineStreams(() => engines.target, registries.headerFor),
      berth: ({ action }, stream) => streamCommand(around, action, stream),
      compose: (request, stream) => compose.run(request, stream),
      machine: (_request, stream) =>
        watchMachine(around, engines.target.socketPath, view => stream.item(view), stream.signal),
      desktop: () => Promise.resolve(),
      restoreBackup: ({ volume, ...wanted }, stream) => {
        const tell = (bytes: number, total: number): void => stream.item({ bytes, total });
        return restoreBackup(engines.target, plans.get(volume), wanted, tell, stream.signal);
      },
    },
  };
}

const dockerHostOf = ({ home }: Surroundings, socket: string): string =>
  socket === home.dockerSocket ? home.dockerHost : `unix://${socket}`;

function settingsView({ home }: Surroundings): SettingsView {
  const pick = ({ cpus, memoryMiB, diskGiB }: SettingsView['values']): SettingsView['values'] => ({
    cpus,
    memoryMiB,
    diskGiB,
  });
  return { values: pick(readSettings(home.settings)), defaults: pick(defaultSettings()), file: home.settings };
}

function changeSettings(around: Surroundings, change: CallRequest<'changeSettings'>): SettingsView {
  const file = around.home.settings;
  const document = { ...(readJsonFile(file) as Record<string, unknown> | undefined) };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete document[name];
    else if (value !== undefined) document[name] = value;
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeJsonFileSync(file, document);
  return settingsView(around);
}

/** Changes of files within so many milliseconds are one. */
const gatherMs = 50;

/** Tells the machine's state now and after each change of its files: sockets come and go with it. */
export async function watchMachine(
  around: Surroundings,
  socket: string,
  take: (view: MachineView) => void,
  signal: AbortSignal,
): Promise<void> {
  let told = '';
  const tell = async (): Promise<void> => {
    const view = JSON.stringify(machineView(await readStatus(around), socket !== around.home.dockerSocket));
    if (view !== told) take(JSON.parse(view) as MachineView);
    told = view;
  };
  await tell();
  const folders = [around.home.folder, around.home.machine, dirname(socket)].filter(existsSync);
  let timer: NodeJS.Timeout | undefined;
  const changed = (name: string | null): void => {
    if (name === basename(around.home.log)) return;
    clearTimeout(timer);
    timer = setTimeout(() => void tell().catch(() => undefined), gatherMs);
  };
  const watchers = [...new Set(folders)].map(folder => watch(folder, (_event, name) => changed(name)));
  await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()));
  clearTimeout(timer);
  for (const watcher of watchers) watcher.close();
}

function machineView({ mode, state, orphaned, engineVersion }: Status, elsewhere: boolean): MachineView {
  if (elsewhere) return { mode: 'native', status: 'running', detail: '' };
  if (orphaned) return { mode, status: 'running', detail: 'without a host program' };
  switch (state.status) {
    case 'starting':
      return { mode, status: 'starting', detail: state.phase, since: state.since };
    case 'running':
      return { mode, status: 'running', detail: `${state.description}, ${engineVersion ?? ''}`, since: state.since };
    case 'failed':
      return { mode, status: 'failed', detail: state.message, since: state.since, repair: state.repair };
    default:
      return { mode, status: state.status, detail: '' };
  }
}
