import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nameOfCall } from './calls.ts';
import type { BuildCase, BuildOutcome } from './play-build.ts';

const recordings = JSON.parse(readFileSync(join(import.meta.dirname, '../../recordings/builds.json'), 'utf8')) as {
  builds: Record<string, BuildOutcome>;
};

/** What BuildKit made of a case (scripts/record-docker.ts). */
export const recordedBuild = ({ name }: BuildCase): BuildOutcome => recordings.builds[name] ?? {};

/** What BuildKit answered a call. */
export const recordedCall = (call: string): object => recordings.builds[nameOfCall(call)] ?? {};

/** Of a build, what the old door's clients can see: the image. The old builder's words are others. */
export function recordedImage(build: BuildCase): BuildOutcome {
  const { config, history, files } = recordedBuild(build);
  return config ? { config, ...(history ? { history } : {}), ...(files ? { files } : {}) } : {};
}
