/** Room `integration`: what Berth takes over from this computer, and what it puts there when the user asks for it. */
export { dockerVersion, ensureDockerContext, removeDockerContext } from './docker-context.ts';
export { ownCertificates, proxySettings } from './host-environment.ts';
