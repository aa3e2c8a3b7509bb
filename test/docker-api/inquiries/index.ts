import type { Inquiry } from '../ask.ts';
import { absent } from './absent.ts';
import { badBodies } from './bad-bodies.ts';
import { badParameters } from './bad-parameters.ts';
import { eventInquiries } from './events.ts';
import { execTwice } from './exec.ts';
import { filterInquiry } from './filters.ts';
import { imageNames } from './image-names.ts';
import { imageParameters } from './image-parameters.ts';
import { numbers } from './numbers.ts';
import { swarm } from './swarm.ts';
import { versions } from './versions.ts';

/** Requests and what a real dockerd answers: the recordings are of 28.5 (scripts/record-docker.ts). */
export const inquiries: readonly Inquiry[] = [
  ...eventInquiries,
  absent,
  badParameters,
  badBodies,
  filterInquiry,
  imageNames,
  imageParameters,
  swarm,
  versions,
  numbers,
  execTwice,
];
