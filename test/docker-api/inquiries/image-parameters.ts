import type { Inquiry } from '../ask.ts';
import { ask, asks, make } from './make.ts';

const tar = { headers: { 'content-type': 'application/x-tar' } };

/** What requests about images may say wrongly, leave out, or say twice. */
export const imageParameters: Inquiry = {
  name: 'http: parameters of images',
  asks: [
    make('ca'),
    ask('GET /images/json?filters={"until":["1h","2h"]}', undefined, { only: ['Id', 'RepoTags'] }),
    ...asks(`
      GET /images/json?filters=x
      GET /images/json?filters={"dangling":["maybe"]}
      GET /images/json?filters={"until":[""]}
      GET /images/json?filters={"since":["nosuch"]}
      GET /images/json?filters={"since":["Bad!"]}
      GET /images/json?filters={"before":[""]}
      GET /images/json?filters={"label":[""]}
      GET /images/json?filters={"reference":[""]}
      GET /images/json?filters={"reference":["["]}
      POST /images/create?fromImage=Bad!
      POST /images/create?fromImage=busybox&tag=!
      POST /images/create?fromImage=busybox&platform=/
      POST /images/create?fromImage=busybox&platform=a/b/c/d
      POST /images/create?fromImage=Bad!&fromImage=busybox
      POST /images/create?fromImage=Bad!&fromSrc=-
    `),
    ask('POST /images/create?fromSrc=-', '', tar),
    ask('POST /images/create?fromSrc=-', 'no tar', tar),
    ask('POST /images/create?fromSrc=-&repo=Bad!', '', tar),
    ask('POST /images/create?fromSrc=-&repo=x&tag=!', '', tar),
    ask('POST /images/create?fromSrc=-&repo=x:1&tag=2', 'no tar', tar),
    ask('POST /images/create?fromSrc=-&changes=NOPE', '', tar),
    ask('POST /images/create?fromSrc=-&platform=a/b/c/d', '', tar),
    ask('POST /images/create?fromSrc=nosuch://x', '', tar),
    ...asks(`
      GET /images/busybox/json?platform=x
      GET /images/busybox/json?platform=linux/amd64
      GET /images/busybox/json?platform={}
      GET /images/busybox/json?platform={"os":"linux"}
      GET /images/busybox/json?platform={"os":5}
      GET /images/busybox/json?platform={"os":"linux","architecture":"s390x"}
      GET /images/nosuch/json
      GET /images/nosuch:1/json
      GET /images/busybox@sha256:short/json
      GET /images/busybox/history?platform=x
      GET /images/busybox/history?platform={"os":"linux","architecture":"s390x"}
      GET /images/nosuch/history
      GET /images/Bad!/history
      GET /images/nosuch/get
      GET /images/Bad!/get
      GET /images/busybox/get?platform=x
      GET /images/get?names=nosuch
      GET /images/get?names=Bad!
      GET /images/get?names=busybox&names=nosuch
      GET /images/get?names=busybox&names=
      GET /images/get?names=busybox&platform=x
    `),
    ask('GET /images/get', undefined, { statusOnly: true }),
    ask('GET /images/get?names=', undefined, { statusOnly: true }),
    ask('POST /images/load?quiet=x', 'no tar', tar),
    ask('POST /images/load?platform=x', '', tar),
    ask(
      'POST /images/load?platform={"os":"linux","architecture":"amd64"}&platform={"os":"linux","architecture":"arm64"}',
      '',
      tar,
    ),
    ...asks(`
      POST /images/Bad!/push
      POST /images/nosuch/push
      POST /images/nosuch/push?tag=!
      POST /images/busybox/push?platform=x
      POST /images/busybox/push?platform={"os":"linux","architecture":"s390x"}
      POST /images/busybox/tag?repo=x:1&tag=2
      POST /images/busybox/tag?repo=x&repo=y&tag=1&tag=2
      POST /images/nosuch/tag?repo=x
      POST /images/nosuch/tag?repo=Bad!
    `),
    ask('GET /images/x:1/json?manifests=x&size=x', undefined, { drop: ['GraphDriver', 'Size'] }),
    ...asks(`
      DELETE /images/x?force=x&noprune=x
      DELETE /images/y
      DELETE /images/nosuch
      DELETE /images/Bad!
      DELETE /images/busybox
      DELETE /images/busybox?platforms=x
      DELETE /images/busybox?platforms={"os":"linux","architecture":"s390x"}
      POST /images/prune?filters=x
      POST /images/prune?filters={"nope":["x"]}
      POST /images/prune?filters={"dangling":["maybe"]}
      POST /images/prune?filters={"until":["never"]}
      POST /images/prune?filters={"until":["1h","2h"]}
      GET /images/search?term=x&limit=101
      GET /images/search?term=x&limit=x
      GET /images/search?term=x&filters=x
      GET /images/search?term=x&filters={"nope":["x"]}
      GET /images/search?term=x&filters={"stars":["x"]}
      GET /images/search?term=x&filters={"is-official":["maybe"]}
      GET /images/search?term=https://x
      GET /distribution/Bad!/json
      GET /distribution/x@sha256:short/json
      POST /commit
      POST /commit?container=
      POST /commit?container=nosuch
      POST /commit?container=ca&repo=Bad!
      POST /commit?container=ca&repo=x&tag=!
      POST /commit?container=ca&repo=x:1&tag=2
      POST /commit?container=ca&tag=2
      POST /commit?container=ca&changes=NOPE
      POST /commit?container=ca&changes=RUN%20true
      POST /commit?container=ca&pause=x&repo=committed
    `),
    ask('POST /commit?container=ca', 'x'),
    ask('POST /commit?container=ca', '[]'),
    ask('POST /commit?container=ca&repo=told&changes=ENV%20B=2', { Cmd: ['told'], Env: ['A=1'], Labels: { l: '1' } }),
    ask('GET /images/told/json', undefined, { drop: ['GraphDriver', 'Size', 'DockerVersion', 'Parent'] }),
  ],
};
