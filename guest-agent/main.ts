import { mkdirSync, openSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { createLog, type Log } from '../base/log.ts';
import { removalsDone } from '../base/remove-later.ts';
import { messageOf } from '../contracts/errors.ts';
import { type Api, apiVersion, type LoadBuilder, minimumApiVersion, openApi } from './api/index.ts';
import { openArchive } from './archive/index.ts';
import { openCgroups } from './cgroups/index.ts';
import { applyProxy, type Flags, levelOf, networkSettings, readConfig, readFlags } from './config/index.ts';
import { openContentStore } from './content/index.ts';
import { type Control, openControl } from './control/index.ts';
import { type Engine, openEngine, ownerInRoot, type Rooms } from './engine/index.ts';
import { checkStore, openImages, ownPlatform } from './images/index.ts';
import { openLogs } from './logs/index.ts';
import { openNetworks } from './networks/index.ts';
import { openRegistry, proxiesIn } from './registry/index.ts';
import { keeperProgram, openRuntime, readUserRemap, type UserRemap, withFaultPoints } from './runtime/index.ts';
import { openSnapshots } from './snapshots/index.ts';
import { tryLock } from './syscalls/process.ts';
import { openVolumes } from './volumes/index.ts';

/** The agent's version; `docker version` shows it as the engine's. */
const version = '0.1.0';

/** The other programs: beside this file when bundled, else in their rooms. */
function programFile(bundled: string, source: string): string {
  const here = import.meta.filename;
  return join(dirname(here), here.endsWith('.ts') ? source : bundled);
}

/** Two engines on one root would destroy each other's records. The lock goes with the process. */
function lockRoot(root: string): void {
  mkdirSync(root, { recursive: true, mode: 0o711 });
  const lock = openSync(join(root, 'engine.lock'), 'a', 0o600);
  if (!tryLock(lock)) throw new Error(`another engine runs on ${root}`);
}

/** Certificates of single registries: beside our configuration, and where Docker has them. */
const certificateFolders = (configFile: string | undefined): string[] => [
  ...(configFile ? [join(dirname(configFile), 'certs.d')] : []),
  '/etc/docker/certs.d',
];

/** The rooms where images become roots: what they hold is checked while the other rooms open. */
async function openStorage({ root, settings, machine, configFile }: Flags, archive: Rooms['archive'], log: Log) {
  const driver = settings.config['storage-driver'];
  const snapshots = await openSnapshots({ root: join(root, 'snapshots'), ...(driver ? { driver } : {}), log });
  const registry = openRegistry({
    get mirrors() {
      return settings.config['registry-mirrors'];
    },
    get insecureRegistries() {
      return settings.config['insecure-registries'];
    },
    proxies: proxiesIn(process.env),
    ...(machine?.certificates ? { extraCertificates: [machine.certificates] } : {}),
    certificateFolders: certificateFolders(configFile),
    userAgent: `berth/${version}`,
    log,
  });
  const images = openImages({
    root: join(root, 'images'),
    content: openContentStore(join(root, 'content')),
    snapshots,
    archive,
    registry,
    platform: ownPlatform(),
    downloads: () => settings.config['max-concurrent-downloads'],
    uploads: () => settings.config['max-concurrent-uploads'],
    attempts: () => settings.config['max-download-attempts'],
    log,
  });
  return { snapshots, registry, images };
}

/** Every room. `opening` is the runtime, whose keeper is a program of its own and so starts before all else. */
async function openRooms(
  flags: Flags,
  opening: Promise<Rooms['runtime']>,
  publisher: Control['publisher'] | undefined,
  log: Log,
): Promise<Rooms> {
  const { root, execRoot } = flags;
  const { config } = flags.settings;
  const archive = openArchive({ workerFile: programFile('archive-worker.cjs', 'archive/worker.ts'), log });
  const logs = openLogs({ workerFile: programFile('pump-worker.cjs', 'logs/pump-worker.ts'), log });
  const networking = networkSettings(config, flags.bip);
  const openingNetworks = openNetworks({
    root: join(root, 'networks'),
    execRoot,
    ...networking,
    bridge: { name: flags.bridge, ...networking.bridge },
    publisher,
    dns: config.dns ?? flags.machine?.resolvers,
    dnsSearch: config['dns-search'],
    dnsOptions: config['dns-opts'],
    behindHost: flags.machine !== undefined,
    log,
  });
  const openingVolumes = openVolumes({
    root: join(root, 'volumes'),
    copier: archive,
    mountWorkerFile: programFile('mount-worker.cjs', 'volumes/mount-worker.ts'),
    log,
  });
  try {
    const [storage, networks, volumes, runtime] = await Promise.all([
      openStorage(flags, archive, log),
      openingNetworks,
      openingVolumes,
      opening,
    ]);
    const { BERTH_FAULT_POINT: faults } = process.env;
    return {
      ...storage,
      archive,
      logs,
      networks,
      volumes,
      runtime: faults ? withFaultPoints(runtime, faults) : runtime,
      cgroups: openCgroups({}),
    };
  } catch (error) {
    const unopened = () => undefined;
    await giveBack(
      { networks: await openingNetworks.catch(unopened), runtime: await opening.catch(unopened) },
      execRoot,
    );
    throw error;
  }
}

/** After a start that failed: nothing of it stays, but for what an earlier engine's containers live from. */
async function giveBack(
  { networks, runtime }: { [Room in 'networks' | 'runtime']: Rooms[Room] | undefined },
  execRoot: string,
): Promise<void> {
  const removeAll = runtime === undefined || (await runtime.reattach()).length === 0;
  await networks?.close({ removeAll });
  await runtime?.close({ stopKeeper: removeAll });
  if (removeAll) removeTraces(execRoot);
}

/** The builder and all that it needs are read from the disk when somebody builds. */
function builderOver(
  rooms: Rooms,
  engine: Engine,
  {
    root,
    execRoot,
    settings,
    log,
  }: { root: string; execRoot: string; settings: () => Record<string, unknown> | undefined; log: Log },
): LoadBuilder {
  const load = async () => {
    const room = await import('./builder/index.ts');
    const builder = await room.Builder.open({
      ...rooms,
      root: join(root, 'builder'),
      execRoot,
      containers: engine.containers,
      resolveOwner: ownerInRoot,
      emit: news => engine.events.emit(news),
      settings,
      log,
    });
    return { ...room, builder };
  };
  let loading: ReturnType<typeof load> | undefined;
  return () => {
    loading ??= load().catch(error => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
}

/** Engines side by side differ in their bridges, and so in their cgroups. */
const cgroupParentOf = (bridge: string): string => (bridge === 'berth0' ? '/berth' : `/berth-${bridge}`);

interface Agent {
  api: Api;
  engine: Engine;
  rooms: Rooms;
  control: Control | undefined;
}

async function start(
  flags: Flags & { remap?: UserRemap },
  log: Log,
  shutdown: (graceSeconds: number) => Promise<void>,
): Promise<Agent> {
  const { execRoot, root, socketPath, machine } = flags;
  if (!machine) lockRoot(root);
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  const opening = openRuntime({
    execRoot,
    keeperProgram: keeperProgram(programFile('keeper.cjs', 'keeper/main.ts')),
    log,
  });
  opening.catch(() => undefined); // whoever awaits it is told
  const control = machine && (await openControl({ settings: machine, execRoot, version, shutdown, log }));
  if (control) await untilPrepared(flags, control, opening);
  const rooms = await openRooms(flags, opening, control?.publisher, log);
  try {
    const engine = await openEngine(rooms, {
      root,
      execRoot,
      cgroupParent: cgroupParentOf(flags.bridge),
      machine: machine !== undefined,
      apiSocket: socketPath,
      serverVersion: version,
      apiVersion,
      minimumApiVersion,
      settings: flags.settings,
      ...(flags.remap ? { remap: flags.remap } : {}),
      log,
      clock: systemClock,
    });
    mkdirSync(dirname(socketPath), { recursive: true });
    const builder = builderOver(rooms, engine, {
      root,
      execRoot,
      settings: () => flags.settings.config.builder,
      log,
    });
    const api = await openApi({ engine, builder, socketPath, version, log });
    control?.ready();
    rooms.images.sweep().catch(error => log.warn('What nobody uses of the images stays', { error }));
    return { api, engine, rooms, control };
  } catch (error) {
    await giveBack(rooms, execRoot);
    throw error;
  }
}

/**
 * In a machine all that needs no data disk stands before the host wakes it; that state may be kept, for later boots to
 * begin with.
 */
async function untilPrepared(
  { root, woken, after }: Flags,
  control: Control,
  opening: Promise<unknown>,
): Promise<void> {
  await opening.catch(() => undefined);
  if (woken) await control.untilWoken(woken);
  if (after) await readFile(after);
  lockRoot(root);
}

/**
 * The orderly end: containers stop, and nothing of theirs is left in the kernel. With `live-restore` they stay, as after
 * the engine's death, and the next one takes them over.
 */
async function end({ api, engine, rooms, control }: Agent, flags: Flags, graceSeconds: number): Promise<void> {
  const all = flags.settings.config['live-restore'] !== true;
  await engine.close({ stopContainers: all, graceSeconds });
  await api.close();
  rooms.volumes.close({ all });
  await rooms.networks.close({ removeAll: all });
  await rooms.runtime.close({ stopKeeper: all });
  await Promise.all([rooms.logs.close(), rooms.archive.close()]);
  await removalsDone();
  rooms.registry.close();
  if (all) await rooms.cgroups.open(cgroupParentOf(flags.bridge)).remove();
  await control?.close();
  rmSync(flags.socketPath, { force: true });
  if (all) removeTraces(flags.execRoot);
}

function removeTraces(execRoot: string): void {
  const leftovers = [
    'engine.pid',
    'build',
    'containers',
    'rootfs',
    'netns',
    'keeper.sock',
    'keeper.lock',
    'keeper.log',
  ];
  for (const name of leftovers) rmSync(join(execRoot, name), { recursive: true, force: true });
  removeIfEmpty(execRoot);
}

/** In the machine other things live there. */
function removeIfEmpty(folder: string): void {
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}

/** Engines that number users differently keep apart what they have, as dockerd's do. */
function remapped(flags: Flags): Flags & { remap?: UserRemap } {
  const setting = flags.settings.config['userns-remap'];
  if (!setting) return flags;
  const remap = readUserRemap(setting);
  const [uid, gid] = [remap.uidMappings[0]?.hostID, remap.gidMappings[0]?.hostID];
  return { ...flags, root: join(flags.root, `${uid}.${gid}`), remap };
}

/** The configuration file anew: what is wrong with it is told, and then nothing changes. */
function reload({ configFile, machine, settings }: Flags, log: Log, engine: Engine): void {
  try {
    settings.reload(readConfig(configFile, machine, {}).config);
    engine.system.announceReload();
    log.info('The configuration was read again', settings.attributes());
  } catch (error) {
    log.error(messageOf(error));
  }
}

/** Looks for damage among images, mends it, and tells. The exit code: 0 when all was well, 1 when something was found. */
async function checkRoot({ root }: Flags, log: Log): Promise<number> {
  lockRoot(root);
  const archive = openArchive({ workerFile: programFile('archive-worker.cjs', 'archive/worker.ts'), log });
  const snapshots = await openSnapshots({ root: join(root, 'snapshots'), log });
  const content = openContentStore(join(root, 'content'));
  const report = await checkStore({ root: join(root, 'images'), content, snapshots, archive, log });
  await Promise.all([archive.close(), removalsDone()]);
  for (const { what } of report.findings) process.stdout.write(`${what}\n`);
  const verdict = report.findings.length > 0 ? `${report.findings.length} things were wrong` : 'all is well';
  process.stdout.write(`${report.images} images: ${verdict}\n`);
  return report.findings.length > 0 ? 1 : 0;
}

async function main(): Promise<void> {
  const flags = remapped(readFlags(process.argv.slice(2)));
  const log = createLog({ level: () => levelOf(flags) });
  for (const directive of flags.ignoredDirectives) {
    log.warn('A directive of the configuration file has no effect', { directive, file: flags.configFile });
  }
  process.on('unhandledRejection', error => log.error('An error that nobody handled', { error }));
  if (flags.check) process.exit(await checkRoot(flags, log));
  applyProxy(flags);
  let starting: Promise<Agent> | undefined;
  let ending: Promise<void> | undefined;
  const shutdown = (graceSeconds: number): Promise<void> => {
    ending ??= (async () => {
      setInterval(() => undefined, 1000); // idle threads and sockets would let the program end before its end is done
      log.info('The engine ends', { graceSeconds });
      if (starting) await end(await starting, flags, graceSeconds);
      process.exit(0);
    })();
    return ending;
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      shutdown(flags.settings.config['shutdown-timeout']).catch(error => {
        log.error('The engine did not end in order', { error });
        process.exit(1);
      });
    });
  }
  starting = start(flags, log, shutdown);
  const { engine } = await starting;
  process.on('SIGHUP', () => reload(flags, log, engine));
  writeFileSync(join(flags.execRoot, 'engine.pid'), `${process.pid}\n`);
  log.info('The engine answers', { socket: flags.socketPath, version });
}

main().catch(error => {
  process.stderr.write(`berth engine: ${messageOf(error)}\n`);
  process.exit(1);
});
