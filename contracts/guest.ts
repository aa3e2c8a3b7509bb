/**
 * What the host program and the agent in the machine say to each other: the settings that travel in at boot, the lines of
 * the readiness port that travel out, and the calls that both make on the one control connection while the machine runs.
 */

/** Port of the agent's SSH server in the guest. High and odd, so that `docker run -p 2222:22` finds its port free. */
export const guestSshPort = 61022;

/** Name of the virtio-serial port on which the guest tells how far its boot is. */
export const readinessPortName = 'berth.ready';

/** Name of the virtio-serial port on which the host wakes the guest. */
export const wakePortName = 'berth.wake';

/**
 * One line on the port: the guest, which has reached `agent` and sleeps there, goes on. What came before may have been
 * another day, and in the memory of other boots as well.
 */
export interface WakeCall {
  /** The host's clock. */
  timeUnixMs: number;
  /** Random bytes (base64) that nobody else has: the guest's generators begin anew with them. */
  secret: string;
}

/**
 * The steps of a boot, in their order. `kernel` is the initramfs' first line; at `agent` SSH listens and the guest sleeps
 * until it is `awake`; `data`: the data disk is mounted; `ready`: the API answers.
 */
export const bootPhases = ['kernel', 'root', 'agent', 'awake', 'data', 'ready'] as const;
export type BootPhase = (typeof bootPhases)[number];

/** One line of the readiness port: a step is reached, or the guest gives up and says why. */
export type BootLine =
  | { phase: BootPhase /** Seconds since the guest's kernel started. */; t: number }
  | { phase: 'failed'; t: number; message: string };

/** The line as a {@link BootLine}, or undefined when it is anything else (a torn line, a phase of a newer image). */
export function parseBootLine(line: string): BootLine | undefined {
  try {
    const { phase, t, message } = (JSON.parse(line) ?? {}) as { phase?: unknown; t?: unknown; message?: unknown };
    if (typeof t !== 'number') return undefined;
    if (phase === 'failed') return { phase, t, message: String(message ?? 'no reason given') };
    const known = bootPhases.find(each => each === phase);
    return known && { phase: known, t };
  } catch {
    return undefined;
  }
}

/** Proxies of the host, in the form in which they stand in its environment. */
export interface ProxySettings {
  http?: string;
  https?: string;
  no?: string;
}

/** `berth/machine.json` of the initramfs, `/run/berth/machine.json` (0600) in the guest. A kept boot serves those with the same settings. */
export interface MachineSettings {
  /** The guest's SSH host key, an OpenSSH private key. */
  hostKey: string;
  /** Public keys (`ssh-ed25519 AAAA…`) that may log in: the host program's only. */
  authorizedKeys: string[];
  proxy?: ProxySettings;
  /** Certificates (PEM, any number) that the host trusts beyond the usual ones. */
  certificates?: string;
  /** Name servers in place of the network's own (10.0.2.3 on QEMU). */
  resolvers?: string[];
  /** Keys of Docker's daemon.json for the engine. */
  engine?: Record<string, unknown>;
}

/** A port that a container publishes: who connects to `hostIp:hostPort` on the host reaches `hostPort` in the guest. */
export interface PublishedPort {
  protocol: 'tcp' | 'udp' | 'sctp';
  /** As the user gave it; empty, `0.0.0.0` and `::` mean the host's loopback. */
  hostIp: string;
  hostPort: number;
}

/** The ports of one container; `key` is its id. */
export interface PublishedPorts {
  key: string;
  ports: PublishedPort[];
}

export interface GuestHealth {
  version: string;
  uptimeSeconds: number;
  state: 'ready' | 'stopping';
}

/** What the host may ask the guest. */
export interface GuestCalls {
  health: { request: Record<string, never>; reply: GuestHealth };
  /** The guest's clock, read while the call is in flight. */
  clock: { request: Record<string, never>; reply: { unixMs: number } };
  /** Steps the guest's clock forward (or back, when negative). A difference does not age on its way. */
  adjustClock: { request: { byMs: number }; reply: Record<string, never> };
  /** All ports that containers publish now: asked on every new control connection. */
  ports: { request: Record<string, never>; reply: { published: PublishedPorts[] } };
  /** Answers at once, then stops the containers and powers the machine off. */
  shutdown: { request: { graceSeconds: number }; reply: Record<string, never> };
}

/** What the guest may ask the host. An error's message is shown to the user by `docker start`. */
export interface HostCalls {
  /** Opens all of them or none. The answer comes within {@link publishTimeoutMs}. */
  publish: { request: PublishedPorts; reply: Record<string, never> };
  withdraw: { request: { key: string }; reply: Record<string, never> };
}

/** How long `docker start` waits for the host to open a port. */
export const publishTimeoutMs = 5000;
