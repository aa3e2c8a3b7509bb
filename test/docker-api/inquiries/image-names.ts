import type { Inquiry } from '../ask.ts';
import { asks } from './make.ts';

const hex = 'a'.repeat(64);

/** Names that images may not bear, and some that nothing bears. */
export const imageNames: Inquiry = {
  name: 'http: odd names of images',
  asks: asks(`
    POST /images/busybox/tag?repo=sha256&tag=x
    POST /images/busybox/tag?repo=sha256
    POST /images/busybox/tag?repo=localhost/sha256&tag=x
    POST /images/busybox/tag?repo=x@sha256:${hex}
    POST /images/busybox/tag?repo=[::1]:5000/x&tag=1
    POST /images/busybox/tag?repo=UPPER
    POST /images/busybox/tag?repo=x&tag=-a
    GET /distribution/${hex}/json
    GET /distribution/sha256:${hex}/json
    GET /images/nosuch:1/get
  `),
};
