import { dirname, join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { openArchive } from '../archive/index.ts';
import { openCgroups } from '../cgroups/index.ts';
import { type Flags, networkSettings } from '../config/index.ts';
import { openContentStore } from '../content/index.ts';
import type { Control } from '../control/index.ts';
import type { Rooms } from '../engine/index.ts';
import { openImages, ownPlatform } from '../images/index.ts';
import { openLogs } from '../logs/index.ts';
import { openNetworks } from '../networks/index.ts';
import { openRegistry, proxiesIn } from '../registry/index.ts';
import { withFaultPoints } from '../runtime/index.ts';
import { openSnapshots } from '../snapshots/index.ts';
import { openVolumes } from '../volumes/index.ts';
import { programFile, version } from './program.ts';
import { giveBack } from './traces.ts';

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
export async function openRooms(
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
      log,
    );
    throw error;
  }
}
