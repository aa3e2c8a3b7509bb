import { boolean, booleanOr, optionalInteger, optionalText, repeated } from '../decode.ts';
import { lines, nothing, progress, route } from '../route.ts';
import type { BuildNews, BuildSummary } from './builds.ts';
import type { JsonMessage } from './common.ts';

/** The classic build: the body is a tar of the context, plain or packed; maps and lists are JSON in the query. */
export const imageBuild = route('POST', '/build', {
  query: {
    dockerfile: optionalText,
    t: repeated,
    remote: optionalText,
    q: boolean,
    nocache: boolean,
    pull: boolean,
    rm: booleanOr(true),
    forcerm: boolean,
    target: optionalText,
    platform: optionalText,
    buildargs: optionalText,
    labels: optionalText,
    extrahosts: repeated,
    networkmode: optionalText,
    shmsize: optionalInteger,
    memory: optionalInteger,
    memswap: optionalInteger,
    cpushares: optionalInteger,
    cpusetcpus: optionalText,
    cpusetmems: optionalText,
    cpuperiod: optionalInteger,
    cpuquota: optionalInteger,
    cgroupparent: optionalText,
    ulimits: optionalText,
    isolation: optionalText,
    squash: boolean,
    version: optionalText,
  },
  answer: progress<JsonMessage>(),
});

/** A build ends when its client goes away; there is none to cancel by a name. */
export const buildCancel = route('POST', '/build/cancel', { query: { id: optionalText }, answer: nothing(200) });

/** Berth's own: the builds that are kept, the oldest first; with `watch` each again whenever it has come further. */
export const buildList = route('GET', '/builds', { query: { watch: boolean }, answer: lines<BuildSummary>() });

/** Berth's own: all that a build said, and what it goes on to say. */
export const buildLog = route('GET', '/builds/{id}/log', { answer: lines<BuildNews>() });

/** Berth's own: ends a build that runs. */
export const buildStop = route('POST', '/builds/{id}/cancel', { answer: nothing() });
