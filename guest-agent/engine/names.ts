import { randomInt } from 'node:crypto';
import { conflict, invalidArgument } from '../../contracts/errors.ts';

const nameRule = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** The name without a leading slash. @throws invalid-argument in Docker's words */
export function checkName(name: string): string {
  if (!nameRule.test(name)) {
    throw invalidArgument(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
  return name.replace(/^\//, '');
}

/** The one word that Docker has for a taken name. */
export const nameInUse = (name: string, owner: string): Error =>
  conflict(
    `Conflict. The container name "/${name}" is already in use by container "${owner}". You have to remove (or rename) that container to be able to reuse that name.`,
  );

const adjectives = (
  'able airy amber ample azure balmy bold brave breezy bright brisk calm candid careful cheery clear clever cosy crisp ' +
  'curious daring deft eager early easy fair fond frank fresh friendly gentle glad golden grand handy happy hardy hearty ' +
  'honest humble jolly keen kind lively loyal lucky mellow merry mild modest neat noble patient placid plucky polite ' +
  'prompt proud quick quiet ready robust rosy serene sharp silent silver smooth snug sober solid sound spry steady ' +
  'still stout sturdy sunny sure swift tender thrifty tidy tranquil trim true trusty upbeat vivid warm wise witty zesty'
).split(' ');

/** Sailors, harbour builders, engineers and chart makers. */
const surnames = (
  'amundsen anson baffin baret barents bass beaufort bering bligh bougainville bowditch brendan brunel cabot cartier ' +
  'chichester cook coronelli cousteau davis diaz drake earle eannes ericson faroe fitzroy flinders frobisher galton ' +
  'gama gatty halley hanno harrison henry hudson hydra kendall knox kotzebue laperouse lecky magellan maury mercator ' +
  'nansen nelson nordenskjold ortelius oughtred parry pinzon polo pytheas rennie ross scoresby scott shackleton ' +
  'slocum smeaton stevenson sumner tabarly tasman tharp torres vancouver verrazzano vespucci wegener zheng'
).split(' ');

const oneOf = (words: readonly string[]): string => words[randomInt(words.length)] ?? '';

/** A free name such as `brisk_magellan`; after many misses with a digit behind it. */
export function inventName(isTaken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const name = `${oneOf(adjectives)}_${oneOf(surnames)}${attempt < 6 ? '' : randomInt(10 ** (1 + Math.floor(attempt / 6)))}`;
    if (!isTaken(name)) return name;
  }
}
