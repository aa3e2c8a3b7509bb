import { ownPlatform } from '../../images/index.ts';

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
];

/** What of the graph's language clients ask about before they use an option. */
export const graphCapabilities = ['gc.freespacefilter', 'exporter.multiple'];

/** The version of BuildKit whose words these are: clients choose by it what they ask for. */
export const version = { package: 'github.com/moby/buildkit', version: 'v0.25.1', revision: 'berth' };

export const worker = () => {
  const { os, architecture, variant } = ownPlatform();
  const platform = { OS: os, Architecture: architecture, Variant: variant ?? '' };
  const Labels = {
    'org.mobyproject.buildkit.worker.moby.host-gateway-ip': '',
    // clients that see it ask for what Docker's engine can do with containerd's images alone: to push from a build, to give
    // the cache away (buildx, driver/docker/driver.go)
    'org.mobyproject.buildkit.worker.snapshotter': 'berth',
  };
  const platforms = architecture === 'amd64' ? [platform, { ...platform, Architecture: '386' }] : [platform];
  return { ID: 'berth', Labels, platforms, BuildkitVersion: version };
};
