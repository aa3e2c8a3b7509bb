import { invalidArgument, notImplemented } from '../../../contracts/errors.ts';
import { ownPlatform, type PlatformImage, parsePlatform } from '../../images/index.ts';
import { ForeignSyntax, isOwnFrontend } from '../builder.ts';
import type { Definition } from '../graph/graph.ts';
import { type CacheEntry, importsIn } from './cache-options.ts';
import { runFrontend, withSource } from './frontend.ts';
import type { Job } from './job.ts';
import type { FrontendOptions } from './request.ts';
import { imageSaid } from './returned.ts';
import { runSubrequest } from './subrequests.ts';

/** What is asked of a frontend. */
export interface Asked {
  Frontend: string;
  FrontendOpt: FrontendOptions;
  FrontendInputs: Readonly<Record<string, Definition>>;
  CacheImports: readonly CacheEntry[];
}

/** What a frontend answers: an image, or one a platform, or words alone. */
export interface Answer {
  images: readonly PlatformImage[];
  metadata: Readonly<Record<string, Uint8Array>>;
}

/** A frontend may ask others, and these others: so far, and no farther. */
const deepest = 8;

/** Runs the frontend that is asked for. @throws not-implemented for one that is not there */
export async function runAsked(job: Job, asked: Asked, depth = 0): Promise<Answer> {
  const { Frontend, FrontendOpt } = asked;
  if (depth === 0) job.asked = asked;
  if (depth >= deepest) throw invalidArgument(`frontends that ask each other ${deepest} times over`);
  if (Frontend === 'gateway.v0') {
    const { source } = FrontendOpt;
    if (!source) throw invalidArgument('no source specified for gateway');
    return isOwnFrontend(source) ? runDockerfile(job, asked) : runForeign(job, source, asked, depth);
  }
  if (Frontend !== 'dockerfile.v0') throw notImplemented(`the frontend ${Frontend} is not part of Berth yet`);
  return runDockerfile(job, asked).catch(error => {
    if (!(error instanceof ForeignSyntax)) throw error;
    const [source = ''] = error.syntax.split(/\s/);
    const options = { ...FrontendOpt, source, cmdline: error.syntax };
    return runForeign(job, source, { ...asked, FrontendOpt: options }, depth).catch(failure => {
      throw withSource(failure, job.rooms.progress, error.line);
    });
  });
}

/** An image that is a frontend; what it takes is loaded when there is one. */
async function runForeign(job: Job, source: string, asked: Asked, depth: number): Promise<Answer> {
  const { runGateway } = await import('./gateway.ts');
  return runGateway(job, source, asked, next => runAsked(job, next, depth + 1));
}

/** Which platforms are asked for; none where nobody says. */
const platformsIn = ({ platform }: FrontendOptions): string[] => (platform ?? '').split(',').filter(Boolean);

/** Our own: for each platform one after another. */
async function runDockerfile(job: Job, { FrontendOpt, FrontendInputs, CacheImports }: Asked): Promise<Answer> {
  const { builder } = job.rooms;
  const run = await job.frontendRun(FrontendOpt, await inputsOf(job, FrontendInputs, FrontendOpt));
  const subrequest = FrontendOpt.requestid;
  if (subrequest) {
    const metadata = await runSubrequest(subrequest, builder, run).catch(error => {
      throw withSource(error, run.progress);
    });
    return { images: [], metadata };
  }
  const exchange = await job.openExchange([...CacheImports, ...importsIn(FrontendOpt)]);
  const asks = platformsIn(FrontendOpt);
  const images: PlatformImage[] = [];
  for (const platform of asks.length > 0 ? asks : ['']) {
    const options = { ...run.options, platform };
    const image = await runFrontend(builder, { ...run, options, showsPlatform: asks.length > 1 }, exchange);
    images.push({ image, platform: platform === '' ? ownPlatform() : parsePlatform(platform, ownPlatform()) });
  }
  return { images, metadata: {} };
}

/** Results of other builds as images, with what is said of them beside. */
async function inputsOf(
  job: Job,
  inputs: Asked['FrontendInputs'],
  options: FrontendOptions,
): Promise<ReadonlyMap<string, string>> {
  const ids = await Promise.all(
    Object.entries(inputs).map(async ([name, definition]) => {
      const image = await imageSaid(job, definition, saidOf(options[`input-metadata:${name}`]));
      return [name, image.id] as const;
    }),
  );
  return new Map(ids);
}

/** An image's configuration among the metadata of an input: JSON of bytes in base64. */
function saidOf(text: string | undefined): Uint8Array | undefined {
  const metadata = JSON.parse(text || '{}') as Readonly<Record<string, unknown>>;
  const config = metadata['containerimage.config'];
  return typeof config === 'string' ? Buffer.from(config, 'base64') : undefined;
}
