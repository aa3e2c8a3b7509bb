/**
 * Room `contexts`: engines that Docker's contexts name, wherever they are, behind a socket of this user's. A connection to
 * that socket is one to the engine: over TCP, with TLS where the context has certificates, from this process itself; over
 * SSH by OpenSSH's own program, whose connection to a host is made once and shared. An engine that cannot be reached is
 * answered for, with the reason.
 */
export { type EngineEndpoint, forwardEngine } from './forward.ts';
