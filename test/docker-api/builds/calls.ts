import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from '../../support/command.ts';

/** What can be asked of a Dockerfile besides an image: `docker build --call=…`. */
export const calls = [
  'outline',
  'outline,format=json',
  'targets',
  'targets,format=json',
  'check',
  'subrequests.describe',
  'nope',
] as const;

/** With the image `busybox` there, so that nothing has to be fetched. */
const dockerfile = `# GLOBAL says which
ARG GLOBAL=latest
ARG UNUSED=1
# base is where all begins
FROM busybox:\${GLOBAL} AS base
# NAME of somebody
ARG NAME=world
ARG EMPTY
RUN --mount=type=secret,id=token,required --mount=type=ssh,id=key echo $NAME
# tools for all
FROM --platform=linux/amd64 base as tools
ENV A b
ARG MORE="a b" AND=$MORE-c
MAINTAINER me
# last is the last
FROM base AS last
COPY --from=tools /etc/passwd /p
ARG TARGETARCH GLOBAL
CMD echo hi
`;

export interface CallAnswer {
  code: number;
  stdout: string;
  /** Warnings that the client shows beside, in no order: it keeps them in a map. */
  warnings: string[];
}

/** What a call is answered. */
export async function playCall(
  call: string,
  { socket, config }: { socket: string; config: string },
): Promise<CallAnswer> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-call-'));
  await writeFile(join(folder, 'Dockerfile'), dockerfile);
  const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: config };
  const args = ['build', `--call=${call}`, '--build-arg', 'NAME=you', '.'];
  const { code, stdout, stderr } = await command('docker', args, { env, cwd: folder });
  await rm(folder, { recursive: true });
  const warnings = [...stderr.matchAll(/ - (\w+: .* \(line \d+\))$/gm)].map(([, warning = '']) => warning);
  return { code, stdout, warnings: warnings.sort() };
}

/** Its name among the recordings. */
export const nameOfCall = (call: string): string => `--call=${call}`;
