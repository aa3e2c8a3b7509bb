import { notImplemented } from '../../../contracts/errors.ts';
import type { Digest } from '../../../contracts/oci/digest.ts';
import { familiarName, type Reference } from '../../../contracts/oci/reference.ts';
import { formatPlatform, ownPlatform, type PlatformImage } from '../../images/index.ts';
import type { Material } from '../contract.ts';
import { withoutCredentials } from '../shown-address.ts';
import type { Job } from './job.ts';
import { type FrontendOptions, optionsUnder } from './request.ts';

const predicateType = 'https://slsa.dev/provenance/v0.2';
const metadataKey = 'https://mobyproject.org/buildkit@v1#metadata';

/** What is asked to be said of how an image was made: `--attest type=provenance`. */
export interface ProvenanceRequest {
  builderId: string;
  isReproducible: boolean;
}

/** Undefined where nobody asks. @throws not-implemented for more than a minimal statement */
export function provenanceIn(options: FrontendOptions): ProvenanceRequest | undefined {
  const asked = options['attest:provenance'];
  if (asked === undefined) return undefined;
  const fields = new Map(asked.split(',').map(field => [field.split('=')[0], field.replace(/^[^=]*=?/, '')]));
  const [mode = 'min', version = 'v0.2'] = [fields.get('mode'), fields.get('version')];
  if (fields.get('disabled') === 'true') return undefined;
  if (mode !== 'min')
    throw notImplemented(`provenance attestations with mode=${mode} are not part of Berth: mode=min is`);
  if (version !== 'v0.2') throw notImplemented(`provenance attestations of version ${version} are not part of Berth`);
  return { builderId: fields.get('builder-id') ?? '', isReproducible: fields.get('reproducible') === 'true' };
}

/** The images with what is to be said of them: SLSA's provenance, without anything that the client's options told. */
export function withProvenance(
  images: readonly PlatformImage[],
  references: readonly Reference[],
  job: Job,
): readonly PlatformImage[] {
  const asked = provenanceIn(job.request.FrontendAttrs);
  if (!asked) return images;
  return images.map(each => {
    const platform = formatPlatform(each.platform);
    const predicate = predicateOf(asked, job);
    return { ...each, statement: (about: Digest) => statementOf(about, { references, platform, predicate }) };
  });
}

function statementOf(
  about: Digest,
  { references, platform, predicate }: { references: readonly Reference[]; platform: string; predicate: object },
) {
  const digest = digestSet(about);
  const names = references.map(reference => packageAddress(reference, platform));
  const subject = (names.length > 0 ? names : ['_']).map(name => ({ name, digest }));
  return { _type: 'https://in-toto.io/Statement/v0.1', predicateType, subject, predicate };
}

const digestSet = (digest: Digest): Record<string, string> => Object.fromEntries([digest.split(':')]);

/** An image as package URLs have it. */
const packageAddress = (reference: Reference, platform: string): string => {
  const version = encodeURIComponent(reference.tag ?? reference.digest ?? '');
  return `pkg:docker/${familiarName(reference)}@${version}?platform=${encodeURIComponent(platform)}`;
};

function predicateOf({ builderId, isReproducible }: ProvenanceRequest, job: Job): object {
  const Frontend = job.asked?.Frontend ?? '';
  const options: FrontendOptions = job.asked?.FrontendOpt ?? {};
  const { context = '', filename = 'Dockerfile', source, cmdline } = options;
  const isRemote = context !== '' && !context.startsWith('local:');
  const args = source === undefined ? {} : { args: { ...(cmdline === undefined ? {} : { cmdline }), source } };
  const locals = isRemote ? {} : { locals: ['context', 'dockerfile'].map(name => ({ name })) };
  const vcs = optionsUnder(job.request.FrontendAttrs, 'vcs:');
  return {
    builder: { id: builderId },
    buildType: 'https://mobyproject.org/buildkit@v1',
    materials: [...job.rooms.progress.materials].map(materialOf),
    invocation: {
      configSource: { ...(isRemote ? { uri: withoutCredentials(context) } : {}), entryPoint: filename },
      parameters: { ...(Frontend ? { frontend: Frontend } : {}), ...args, ...(Frontend ? locals : {}) },
      environment: { platform: formatPlatform(ownPlatform()) },
    },
    metadata: {
      buildInvocationID: job.request.Ref,
      buildStartedOn: job.startedAt.toISOString(),
      buildFinishedOn: new Date().toISOString(),
      completeness: { parameters: false, environment: true, materials: false },
      reproducible: isReproducible,
      [metadataKey]: Object.keys(vcs).length > 0 ? { vcs } : {},
    },
  };
}

const materialOf = ({ reference, platform, digest }: Material): object => ({
  uri: packageAddress(reference, formatPlatform(platform)),
  ...(digest ? { digest: digestSet(digest) } : {}),
});
