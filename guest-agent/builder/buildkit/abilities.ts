import { ownPlatform } from '../../images/index.ts';
import type { Builder } from '../builder.ts';
import type { CollectionPolicy } from '../collection.ts';

/** What of BuildKit's bridge is spoken. */
export const bridgeCapabilities = [
  'solve.base',
  'solve.inlinereturn',
  'return',
  'returnmap',
  'proto.refarray',
  'frontend.caps',
  'frontend.inputs',
  'gateway.solve.evaluate',
  'reference.output',
  'gateway.evaluate',
  'gateway.warnings',
  'importcaches',
  'readfile',
  'readdir',
  'statfile',
  'resolveimage',
  'resolveimage.resolvemode',
  'source.metaresolver',
];

/** What of the graph's language clients ask about before they use an option. */
export const graphCapabilities = [
  ...[
    'gc.freespacefilter',
    'exporter.multiple',
    'exporter.image.attestations',
    'platform',
    'constraints',
    'mergeop',
    'diffop',
  ],
  ...['description', 'exportcache', 'ignorecache'].map(name => `meta.${name}`),
  ...['image', 'image.resolvemode', 'local', 'git', 'http', 'ocilayout'].map(name => `source.${name}`),
  ...['unique', 'sessionid', 'includepatterns', 'followpaths', 'excludepatterns', 'sharedkeyhint', 'differ'].map(
    name => `source.local.${name}`,
  ),
  ...['keepgitdir', 'fullurl', 'subdir', 'checksum'].map(name => `source.git.${name}`),
  ...['source.http.checksum', 'source.http.perm', 'soruce.http.uidgid'], // as BuildKit spells it
  ...['base', 'cgroup.parent', 'network', 'proxyenv', 'security', 'setsdefaultpath', 'ulimit'].map(
    name => `exec.meta.${name}`,
  ),
  ...[
    'bind',
    'bind.readwrite-nooutput',
    'cache',
    'cache.sharing',
    'selector',
    'tmpfs',
    'tmpfs.size',
    'secret',
    'ssh',
  ].map(name => `exec.mount.${name}`),
  ...['exec.cgroup', 'exec.secretenv', 'exec.validexitcode'],
  ...['base', 'rm.wildcard', 'copy.includeexcludepatterns', 'symlink.create'].map(name => `file.${name}`),
];

/** The version of BuildKit whose words these are: clients choose by it what they ask for. */
export const version = { package: 'github.com/moby/buildkit', version: 'v0.25.1', revision: 'berth' };

const nsPerMs = 1e6;

const toPolicyMessage = (policy: CollectionPolicy): object => ({
  all: policy.all,
  filters: policy.filters,
  keepDuration: policy.unusedForMs * nsPerMs,
  reservedSpace: policy.reservedBytes,
  maxUsedSpace: policy.maxUsedBytes,
  minFreeSpace: policy.minFreeBytes,
});

/** Who works, as clients see it (`docker buildx inspect`). */
export const worker = ({ options, kept }: Pick<Builder, 'options' | 'kept'>) => {
  const { os, architecture, variant } = ownPlatform();
  const [hostGateway = ''] = options.networks.hostGateways();
  const platform = { OS: os, Architecture: architecture, Variant: variant ?? '' };
  const Labels = {
    'org.mobyproject.buildkit.worker.moby.host-gateway-ip': hostGateway, // `--add-host name:host-gateway`
    // clients that see it ask for what Docker's engine can do with containerd's images alone: to push from a build, to give
    // the cache away (buildx, driver/docker/driver.go)
    'org.mobyproject.buildkit.worker.snapshotter': 'berth',
  };
  const platforms = architecture === 'amd64' ? [platform, { ...platform, Architecture: '386' }] : [platform];
  const GCPolicy = kept.policies().map(toPolicyMessage);
  return { ID: 'berth', Labels, platforms, GCPolicy, BuildkitVersion: version };
};
