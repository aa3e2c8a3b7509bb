import { Duplex, Readable, type Writable } from 'node:stream';
import type { ContainerRef } from '../../../contracts/brand.ts';
import type { ContainerCreateBody } from '../../../contracts/docker/containers.ts';
import { cancelled, EngineError } from '../../../contracts/errors.ts';
import type { Image } from '../../images/index.ts';
import { shownName } from '../build-sources.ts';
import type { BuilderOptions, StepContainer } from '../contract.ts';
import { stepLabel } from '../run-step.ts';
import { withPath } from '../steps.ts';
import { worker } from './abilities.ts';
import { Bridge } from './bridge.ts';
import type { Answer, Asked } from './frontends.ts';
import type { Job } from './job.ts';
import { type GrpcHandler, onlyMessage, serveCalls } from './server.ts';

/** Of what a frontend says on its way to failing, so many characters are told. */
const mostSaid = 4096;

/**
 * Runs an image as a frontend: a container like a step's, which asks for what it needs over its own standard input and
 * output (BuildKit's gateway). Nobody trusts it: it gets what its client's session gives to any build, and no more.
 */
export async function runGateway(
  job: Job,
  source: string,
  asked: Asked,
  ask: (asked: Asked) => Promise<Answer>,
): Promise<Answer> {
  const { builder, progress, signal } = job.rooms;
  const { options } = builder;
  const name = `resolve image config for docker-image://${shownName(source)}`;
  const told = progress.step({ name, text: '', line: undefined });
  const image = await job.image(source, undefined, asked.FrontendOpt['image-resolve-mode'] === 'pull').then(
    found => {
      told.done({ cached: false });
      return found;
    },
    error => {
      told.failed(error);
      throw error;
    },
  );
  const bridge = new Bridge(job, asked.FrontendInputs, ask);
  const body = await containerOf(image, environmentOf(job, asked), options);
  const { Id } = await options.containers.create({ body });
  const container = options.containers.getByRef(Id as ContainerRef);
  const gone = (): void => bridge.end(cancelled('context canceled'));
  signal.addEventListener('abort', gone, { once: true });
  try {
    signal.throwIfAborted();
    await converse(container, bridge, source, options);
    return await bridge.returned;
  } finally {
    signal.removeEventListener('abort', gone);
    await container.remove({ force: true, volumes: true, link: false });
  }
}

/** Starts it and answers its calls; one that ends without a result has failed. */
async function converse(
  container: StepContainer,
  bridge: Bridge,
  source: string,
  { log }: Pick<BuilderOptions, 'log'>,
): Promise<void> {
  const streams = container.attach({ stdin: true, stdout: true, stderr: true, stream: true, logs: false });
  let said = '';
  async function* calls(): AsyncGenerator<Buffer> {
    for await (const { stream, data } of streams.output) {
      if (stream === 'stdout') yield data;
      else said = (said + data.toString()).slice(-mostSaid);
    }
  }
  const connection = joined(Readable.from(calls(), { objectMode: false }), streams.input);
  connection.on('error', () => streams.close());
  const answer: GrpcHandler = async call => call.send(await bridge.answer(call.path, await onlyMessage(call)));
  const exited = container.wait('next-exit', new AbortController().signal);
  await container.start();
  serveCalls(connection, path => (path === healthPath ? healthy : answer), log);
  exited
    .then(({ StatusCode }) => {
      const words = StatusCode === 0 ? `the frontend ${source} returned no result` : `exit code: ${StatusCode}`;
      bridge.end(new EngineError('internal', [words, said.trim()].filter(Boolean).join(': ')));
    })
    .catch(error => bridge.end(error));
}

/** Two streams as one connection. */
function joined(output: Readable, input: Writable | undefined): Duplex {
  const connection = new Duplex({
    read: () => void output.resume(),
    write: (chunk: Buffer, _, done) => (input ? void input.write(chunk, done) : done()),
    final: done => (input ? void input.end(done) : done()),
  });
  output.on('data', (chunk: Buffer) => {
    if (!connection.push(chunk)) output.pause();
  });
  output.on('end', () => connection.push(null));
  output.on('error', error => connection.destroy(error));
  return connection;
}

const healthPath = '/grpc.health.v1.Health/Check';
const healthy: GrpcHandler = call => call.send(new Uint8Array([8, 1]));

/** What BuildKit's library for frontends reads (frontend/gateway/grpcclient). */
function environmentOf({ request, rooms }: Job, { FrontendOpt }: Asked): string[] {
  const { ID, Labels, platforms } = worker(rooms.builder);
  const Platforms = platforms.map(({ OS: os, Architecture: architecture }) => ({ os, architecture }));
  return [
    ...Object.entries(FrontendOpt).map((pair, place) => `BUILDKIT_FRONTEND_OPT_${place}=${pair.join('=')}`),
    `BUILDKIT_SESSION_ID=${request.Session}`,
    `BUILDKIT_WORKERS=${JSON.stringify([{ ID, Labels, Platforms }])}`,
    'BUILDKIT_EXPORTEDPRODUCT=docker',
  ];
}

/** The image's own command, without its volumes and health checks, and without a network where it says so. */
async function containerOf(
  image: Image,
  environment: readonly string[],
  { images }: Pick<BuilderOptions, 'images'>,
): Promise<ContainerCreateBody> {
  const { architecture, os, config = {} } = image.config;
  const bare = await images.compose({ layersOf: image, config: { architecture, os }, intermediate: true });
  const [first = '/run', ...rest] = [...(config?.Entrypoint ?? []), ...(config?.Cmd ?? [])];
  const isAlone = config?.Labels?.['moby.buildkit.frontend.network.none'] === 'true';
  return {
    Image: bare.id,
    Entrypoint: [first],
    Cmd: rest,
    Env: [...withPath(config?.Env ?? []), ...environment],
    WorkingDir: config?.WorkingDir || '/',
    Hostname: 'buildkitsandbox',
    Labels: { [stepLabel]: 'frontend' },
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    HostConfig: { LogConfig: { Type: 'none', Config: {} }, ...(isAlone ? { NetworkMode: 'none' } : {}) },
  };
}
