import { invalidArgument } from '../../contracts/errors.ts';

/** What we answer without a version in the path: Docker 29.0's. */
export const apiVersion = '1.52';
/** skopeo 1.9 speaks 1.22, and nothing later; dockerd 28.5 would refuse it. */
export const minimumApiVersion = '1.22';

const lowestMinor = 22;
const highestMinor = 52;

/** The minor number of an API version; the major one is 1. */
export type ApiMinor = number;

/**
 * The version of a request's `/v1.x` prefix; without one it is ours.
 * @throws invalid-argument in Docker's words, which clients show or parse
 */
export function negotiate(prefix: string | undefined): ApiMinor {
  if (prefix === undefined) return highestMinor;
  const [major = 0, minor = 0] = prefix.split('.').map(Number);
  if (major > 1 || (major === 1 && minor > highestMinor)) {
    throw invalidArgument(`client version ${prefix} is too new. Maximum supported API version is ${apiVersion}`);
  }
  if (major < 1 || minor < lowestMinor) {
    throw invalidArgument(
      `client version ${prefix} is too old. Minimum supported API version is ${minimumApiVersion}, ` +
        'please upgrade your client to a newer version',
    );
  }
  return minor;
}

/** Since 1.42 a client can tell frames from raw bytes by the content type. */
export const tellsFramesApart = (version: ApiMinor): boolean => version >= 42;

/** Before 1.30 `wait` had no conditions. */
export const knowsConditions = (version: ApiMinor): boolean => version >= 30;

/** A document without some of its keys. */
export function without<T extends object>(document: T, keys: readonly string[]): T {
  return Object.fromEntries(Object.entries(document).filter(([key]) => !keys.includes(key))) as T;
}
