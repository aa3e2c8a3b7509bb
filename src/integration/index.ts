/** Room `integration`: what Berth takes over from this computer, and what it puts there when the user asks for it. */
export {
  type DockerContext,
  dockerVersion,
  ensureDockerContext,
  listDockerContexts,
  readDockerContext,
  removeDockerContext,
} from './docker-context.ts';
export { ownCertificates, proxySettings } from './host-environment.ts';
