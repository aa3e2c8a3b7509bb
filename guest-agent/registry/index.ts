/**
 * A client of OCI registries (OCI distribution specification 1.1, and what Docker's daemon adds to it by habit).
 *
 * `openRegistry` is made once; `repository(reference, auth)` is one conversation about one repository: it finds the
 * endpoint that answers (mirrors of Docker Hub first, then the registry itself; plain HTTP only where that is allowed),
 * keeps the token for it, and renews the token when it runs out in the middle of a long download.
 *
 * Nothing here knows what an image is or keeps anything on disk. Manifests come as bytes that were verified against
 * their digest; blobs come as a stream from an offset, to be verified by whoever writes them.
 *
 * What goes wrong is a `RegistryError`, worded as dockerd 28 words it, because people search for those words. It says
 * whether trying again can help; only blobs are tried again, by the caller, who knows how far it came.
 */
export type { RegistryEndpoint } from './endpoints.ts';
export { type ProxySettings, proxiesIn } from './proxy.ts';
export {
  openRegistry,
  type Registry,
  type RegistryOptions,
  type Repository,
  type ResolvedManifest,
} from './registry.ts';
export { isRegistryError, RegistryError, syntaxComplaint } from './registry-error.ts';
export type { FoundRepository } from './search.ts';
export type { BlobSource, BlobUpload, GrowingBlob, UploadAttempt, WholeBlob } from './upload.ts';
