import { EngineError, invalidArgument, messageOf, notFound, unavailable } from '../../contracts/errors.ts';
import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import { familiar, familiarName, type Reference } from '../../contracts/oci/reference.ts';
import { isRegistryError } from '../registry/index.ts';

/** What dockerd says when a pull of `reference` fails. */
export function pullError(error: unknown, reference: Reference): unknown {
  if (isDiskFull(error) && !(error instanceof EngineError)) return unavailable(diskFullText(error), { cause: error });
  if (error instanceof EngineError || !isRegistryError(error)) return error;
  const name = familiarName(reference);
  switch (error.code) {
    case 'DENIED':
      return notFound(
        `pull access denied for ${name}, repository does not exist or may require 'docker login': ${error.message}`,
        { cause: error },
      );
    case 'MANIFEST_UNKNOWN':
      return notFound(`manifest for ${familiar(reference)} not found: ${error.message}`, { cause: error });
    case 'NAME_UNKNOWN':
      return notFound(`repository ${name} not found: ${error.message}`, { cause: error });
    default:
      return (error.status === 404 ? notFound : unavailable)(error.message, { cause: error });
  }
}

/** What dockerd says when a push fails: of a request that was answered, or refused before it was sent, only why. */
export function pushError(error: unknown): unknown {
  if (error instanceof EngineError || !isRegistryError(error)) return error;
  const isPing = /\/v2\/": /.test(error.message);
  const why = isPing ? error.message : error.message.replace(/^[A-Z][a-z]+ "[^"]*": /, '');
  return unavailable(why, { cause: error });
}

/** Whether something failed because there was no room. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code = '' } = error as { code?: unknown };
  return code === 'ENOSPC' || code === 'EDQUOT' || /no space left/.test(error.message) || isDiskFull(error.cause);
}

/** What Go says then. */
export function diskFullText(error: unknown): string {
  if (error instanceof EngineError && /no space left/.test(error.message)) return error.message;
  const { path, subject } = error as { path?: string; subject?: string };
  return `write ${path ?? subject ?? 'layer'}: no space left on device`;
}

/** Docker's words for a layer of other bytes. */
export const verificationFailed = ({ digest }: Descriptor, cause: unknown): EngineError =>
  unavailable(`filesystem layer verification failed for digest ${digest}`, { cause });

export const layersDoNotMatch = (cause: unknown): EngineError =>
  invalidArgument("layers from manifest don't match image configuration", { cause });

/** Docker's words for a layer that could not be unpacked. */
export function registrationFailed(error: unknown): EngineError {
  const kind = error instanceof EngineError ? error.kind : 'internal';
  const text = isDiskFull(error) ? diskFullText(error) : messageOf(error);
  const words = text.replace(/(invalid tar header): .*/, '$1');
  return new EngineError(kind, `failed to register layer: ${words}`, { cause: error });
}
