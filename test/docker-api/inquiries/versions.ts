import type { Inquiry } from '../ask.ts';
import { ask, make } from './make.ts';

/** What `info` tells of how an engine is made. */
const ofTheBuild = ['BerthKeeper', 'CDISpecDirs', 'Containerd', 'Runtimes', 'RuncCommit', 'InitCommit', 'Warnings'];

const pingHeaders = 'content-type content-length ostype docker-experimental cache-control pragma swarm'.split(' ');

/** Documents as clients of older versions know them. */
export const versions: Inquiry = {
  name: 'http: versions',
  asks: [
    ask('GET /_ping', undefined, { showHeaders: pingHeaders }),
    ask('HEAD /_ping', undefined, { showHeaders: pingHeaders }),
    ask('GET /v1.51/_ping'),
    ask('GET /v1.9/info', undefined, { statusOnly: true }),
    ask('GET /v1.99/info', undefined, { hide: [/API version is [\d.]+/g] }),
    ...[24, 29, 39, 41, 43, 46, 47, 48, 49, 50, 51].flatMap(minor => [
      ask(`GET /v1.${minor}/info`, undefined, { shape: true, drop: ofTheBuild }),
    ]),
    ask('GET /v1.51/version', undefined, { shape: true, drop: ['Components'] }),
    make('ca', { ExposedPorts: { '80/tcp': {} }, Labels: { a: 'b' } }),
    ...[24, 41, 42, 43, 44, 45, 47, 51].flatMap(minor => [
      ask(`GET /v1.${minor}/containers/ca/json`, undefined, { shape: true, drop: ['GraphDriver'] }),
      ask(`GET /v1.${minor}/containers/json?all=1`, undefined, { shape: true }),
      ask(`GET /v1.${minor}/images/json`, undefined, { shape: true }),
      ask(`GET /v1.${minor}/images/busybox/json`, undefined, { shape: true, drop: ['GraphDriver'] }),
    ]),
    ...[24, 41, 42, 43, 44, 51].map(minor => ask(`GET /v1.${minor}/system/df`, undefined, { shape: true })),
    ask('GET /v1.51/system/df?type=container', undefined, { shape: true }),
    ask('GET /v1.51/system/df?type=volume&type=build-cache', undefined, { shape: true }),
    ...[24, 44, 47, 48, 51].map(minor =>
      ask(`GET /v1.${minor}/networks/bridge`, undefined, { shape: true, drop: ['Options'] }),
    ),
    ask('GET /v1.40/images/json?filter=nosuch'),
    ask('GET /v1.41/images/json?filter=nosuch', undefined, { shape: true }),
    ask('POST /v1.24/containers/ca/wait?condition=nope', undefined),
  ],
};
