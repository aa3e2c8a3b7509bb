import { own } from '../../../base/own.ts';
import { messageOf, notImplemented } from '../../../contracts/errors.ts';
import { ownPlatform } from '../../images/index.ts';
import { metaArgsOf, platformArgs } from '../args.ts';
import type { Builder, Survey } from '../builder.ts';
import { type BuildRequest, type BuildWatcher, noExchange } from '../contract.ts';
import { argumentsOf, flagValues } from '../dockerfile/arguments.ts';
import { expandWord, type Lookup } from '../dockerfile/expand.ts';
import { DockerfileError } from '../dockerfile/failure.ts';
import type { Instruction } from '../dockerfile/lines.ts';
import { type Dockerfile, neededStages, type Stage, targetStage } from '../dockerfile/stages.ts';
import { ruleAddress, ruleDescriptions } from '../lint-rules.ts';
import { placeOf } from '../solver.ts';
import { ClientInput } from './client-input.ts';
import type { FrontendRun } from './frontend.ts';
import type { Progress } from './progress.ts';
import { toBuildRequest } from './request.ts';

type Arguments = BuildRequest['args'];

const predefined = platformArgs(ownPlatform(), ownPlatform());
const rangesOf = (start: number, end: number) => ({ ranges: [{ start: { line: start }, end: { line: end } }] });
const placeIn = ({ line, endLine }: Pick<Instruction, 'line' | 'endLine'>) => rangesOf(line, endLine);
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** `docker build --check`, `--call=outline` and the like: what a client asks of a Dockerfile besides an image. */
const answers: Readonly<Record<string, (survey: Survey, request: BuildRequest) => object>> = {
  'frontend.lint': lintOf,
  'frontend.targets': targetsOf,
  'frontend.outline': outlineOf,
  'frontend.subrequests.describe': () => described,
};

/** The answer as the metadata of a result. @throws not-implemented, as BuildKit says it, for a request that nobody knows */
export async function runSubrequest(
  id: string,
  builder: Builder,
  run: FrontendRun,
): Promise<Record<string, Uint8Array>> {
  const answer = own(answers, id);
  if (!answer) throw notImplemented(`unsupported request ${id}: unsupported request ${id}`);
  const { progress, signal } = run;
  const request = toBuildRequest(run.options, run.entitlements);
  const input = new ClientInput({ ...run, builder: builder.options, scratch: builder.scratch });
  const isLint = id === 'frontend.lint';
  const isOutline = id === 'frontend.outline';
  const watcher = isOutline ? progress : withoutWarnings(progress);
  const through = isLint ? 'everything' : isOutline ? 'target' : 'nothing';
  const survey = await builder.survey({ request, input, watcher, exchange: noExchange, signal }, through);
  if (survey.failure !== undefined && !isLint) throw survey.failure;
  const document = JSON.stringify(answer(survey, request), null, 2);
  const isBad = isLint && (survey.warnings.length > 0 || survey.failure !== undefined);
  const texts = {
    'result.json': document,
    'result.txt': document,
    'result.statuscode': isBad ? '1' : '0',
    version: '1.0.0',
  };
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)]));
}

/** What is found is the answer, or is not asked for. */
const withoutWarnings = (progress: Progress): BuildWatcher => ({
  step: news => progress.step(news),
  warning: () => undefined,
});

function lintOf({ dockerfile, name, warnings, failure }: Survey): object {
  const error = failure === undefined ? {} : { buildError: failureOf(failure) };
  return {
    ...(warnings.length > 0
      ? {
          warnings: warnings.map(({ rule, message, line, endLine }) => ({
            ruleName: rule,
            description: ruleDescriptions[rule] ?? '',
            url: ruleAddress(rule),
            detail: message,
            location: rangesOf(line, endLine),
          })),
        }
      : { warnings: [] }),
    sources: [{ filename: name, data: base64(dockerfile.source), language: 'Dockerfile' }],
    ...error,
  };
}

function failureOf(failure: unknown): object {
  const at = placeOf(failure);
  const line = failure instanceof DockerfileError ? failure.line : undefined;
  const place = at ? placeIn(at) : line === undefined ? undefined : rangesOf(line, line);
  return { message: messageOf(failure), ...(place ? { location: place } : {}) };
}

/** A comment that begins with the name says what the thing is for. */
function descriptionOf({ comment }: Instruction, name: string): object {
  const last = comment?.at(-1) ?? '';
  return name !== '' && last.startsWith(`${name} `) ? { description: last.slice(name.length + 1) } : {};
}

function targetsOf({ dockerfile }: Survey): object {
  const { stages, source } = dockerfile;
  const targets = stages.map(({ name, base, platform, from, index }) => ({
    ...(name === '' ? {} : { name }),
    ...(index === stages.length - 1 ? { default: true } : {}),
    ...descriptionOf(from, name),
    base,
    ...(platform ? { platform } : {}),
    location: placeIn(from),
  }));
  return { targets, sources: [base64(source)] };
}

function outlineOf({ dockerfile }: Survey, { target: wanted, args: given }: BuildRequest): object {
  const target = targetStage(dockerfile, wanted);
  const stages = neededStages(target, dockerfile);
  const values = argumentValues(dockerfile, given);
  const args = [
    ...usedMetaArgs(dockerfile, stages, values),
    ...stages.flatMap(stage => argsOf(stage, { dockerfile, given, values })),
  ].filter(({ name }, index, all) => all.findIndex(each => each.name === name) === index);
  const mounts = stages.flatMap(({ instructions }) => instructions.flatMap(mountsIn));
  const secrets = mounts.filter(({ fields }) => fields.get('type') === 'secret').map(secretOf);
  const agents = mounts.filter(({ fields }) => fields.get('type') === 'ssh').map(agentOf);
  return {
    ...(target.name === '' ? {} : { name: target.name }),
    ...descriptionOf(target.from, target.name),
    ...(args.length > 0 ? { args } : {}),
    ...(secrets.length > 0 ? { secrets } : {}),
    ...(agents.length > 0 ? { ssh: agents } : {}),
    sources: [base64(dockerfile.source)],
  };
}

const argOf = (at: Instruction, name: string, value: string | undefined) => ({
  name,
  ...descriptionOf(at, name),
  ...(value === undefined ? {} : { value }),
  location: placeIn(at),
});

type OutlinedArg = ReturnType<typeof argOf>;

/** What stands before the first stage, and what every build knows of its platforms. */
const argumentValues = ({ metaArgs, escapeMark }: Dockerfile, given: Arguments): Map<string, string> =>
  metaArgsOf(metaArgs, given, predefined, escapeMark);

/** Those of a stage, as they would be in this build; who names its platform only asks, and sets nothing. */
function argsOf(
  { instructions }: Stage,
  {
    dockerfile: { escapeMark },
    given,
    values,
  }: { dockerfile: Dockerfile; given: Arguments; values: Map<string, string> },
): OutlinedArg[] {
  const known = new Map(values);
  const lookup: Lookup = name => known.get(name);
  const found: OutlinedArg[] = [];
  for (const at of instructions.filter(({ keyword }) => keyword === 'ARG')) {
    for (const [name, fallback] of argumentsOf(at, escapeMark)) {
      if (fallback === undefined && Object.hasOwn(predefined, name)) continue;
      const usual = fallback === undefined ? values.get(name) : expandWord(fallback, { lookup, escapeMark });
      const value = own(given, name) ?? usual;
      if (value !== undefined) known.set(name, value);
      found.push(argOf(at, name, value));
    }
  }
  return found;
}

const usedMetaArgs = (
  { metaArgs, escapeMark }: Dockerfile,
  stages: readonly Stage[],
  values: ReadonlyMap<string, string>,
): OutlinedArg[] =>
  metaArgs.flatMap(at =>
    argumentsOf(at, escapeMark)
      .filter(([name]) => stages.some(({ base }) => uses(base, name)))
      .map(([name]) => argOf(at, name, values.get(name))),
  );

const uses = (base: string, argument: string): boolean =>
  [...base.matchAll(/\$\{?(\w+)/g)].some(([, name]) => name === argument);

interface MountText {
  at: Instruction;
  fields: Map<string, string>;
}

const mountsIn = (at: Instruction): MountText[] =>
  flagValues(at, 'mount').map(text => ({
    at,
    fields: new Map(
      text.split(',').map(field => {
        const [key = '', value = 'true'] = field.split('=');
        return [key, value] as const;
      }),
    ),
  }));

const secretOf = ({ at, fields }: MountText) => ({
  name: fields.get('id') ?? fields.get('target')?.split('/').at(-1) ?? '',
  ...(fields.get('required') === 'true' ? { required: true } : {}),
  location: placeIn(at),
});

const agentOf = ({ at, fields }: MountText) => ({
  name: fields.get('id') ?? 'default',
  ...(fields.get('required') === 'true' ? { required: true } : {}),
  location: placeIn(at),
});

/** As BuildKit describes itself: that it can lint it does not say. */
const described = [
  ['frontend.outline', 'List all parameters current build target supports'],
  ['frontend.targets', 'List all targets current build supports'],
  ['frontend.subrequests.describe', 'List available subrequest types'],
].map(([name, description]) => ({
  name,
  version: '1.0.0',
  type: 'rpc',
  description,
  opts: name === 'frontend.outline' ? [{ name: 'target', description: 'Target build stage' }] : [],
  inputs: null,
  metadata: ['result.json', 'result.txt'].map(each => ({ name: each, description: '' })),
  refs: null,
}));
