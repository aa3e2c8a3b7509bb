import { fields, text } from '../../../contracts/decode.ts';
import { invalidArgument, messageOf } from '../../../contracts/errors.ts';
import { syntaxComplaint } from '../../registry/index.ts';

const platform = fields({ os: text, architecture: text, variant: text }, 'ocispec.Platform');

/** `os/arch/variant` of the OCI document that clients send as JSON. @throws invalid-argument in Docker's words */
export function platformOf(given: string | undefined): string | undefined {
  if (!given) return undefined;
  const { os, architecture, variant } = read(parsed(given));
  if (!os || !architecture) throw invalidArgument('both OS and Architecture must be provided');
  return [os, architecture, variant].filter(Boolean).join('/');
}

/** Several documents; only one makes sense for images that are for one platform each. */
export function onlyPlatformOf(given: readonly string[]): string | undefined {
  if (given.length > 1) throw invalidArgument('multiple platform parameters not supported');
  return platformOf(given[0]);
}

function read(document: unknown) {
  try {
    return platform(document, '');
  } catch (cause) {
    throw invalidArgument(messageOf(cause).replace(/^invalid JSON/, 'failed to parse platform'), { cause });
  }
}

function parsed(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch (cause) {
    throw invalidArgument(`failed to parse platform: ${syntaxComplaint(given)}`, { cause });
  }
}
