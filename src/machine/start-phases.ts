import { EngineError } from '../../contracts/errors.ts';
import type { BootPhase } from '../../contracts/guest.ts';

/** The steps of a start, in their order: the host's own, the guest's (contracts/guest.ts), and the way to the engine. */
export const startPhases = [
  'image',
  'accelerator',
  'disk',
  'launch',
  'kernel',
  'root',
  'agent',
  'keep',
  'awake',
  'data',
  'ready',
  'channel',
  'engine',
] as const;
export type StartPhase = (typeof startPhases)[number];

interface PhaseFacts {
  /** What is happening, for the progress line. */
  title: string;
  /** No phase may last longer. Emulated machines on a busy computer get {@link emulatedFactor} times as much. */
  limitMs: number;
  /** What the user can do when it fails. */
  repair: string;
}

/** How much longer the guest's phases may take without hardware acceleration. */
const emulatedFactor = 5;

const look = 'see `berth logs --console`';

export const phaseFacts: { readonly [Phase in StartPhase]: PhaseFacts } = {
  image: { title: 'machine image', limitMs: 5000, repair: 'build it again: `berth image build`' },
  accelerator: { title: 'accelerator', limitMs: 30_000, repair: 'install QEMU 7.2 or newer: `berth doctor`' },
  disk: { title: 'data disk', limitMs: 10_000, repair: 'free some disk space, or move BERTH_HOME' },
  launch: { title: 'QEMU', limitMs: 15_000, repair: 'see `berth doctor`, and qemu.log in the machine folder' },
  kernel: { title: 'kernel', limitMs: 15_000, repair: `${look}; \`berth doctor\` probes the accelerator again` },
  root: { title: 'root file system', limitMs: 15_000, repair: `${look}; then \`berth image build\`` },
  awake: { title: 'waking', limitMs: 5000, repair: look },
  data: {
    title: 'data disk in the guest',
    limitMs: 60_000,
    repair: `${look}; the disk is data.raw in the machine folder`,
  },
  agent: { title: 'agent', limitMs: 20_000, repair: look },
  keep: { title: 'this boot, for the next ones', limitMs: 60_000, repair: 'free some disk space' },
  ready: { title: 'engine in the guest', limitMs: 30_000, repair: look },
  channel: { title: 'channel', limitMs: 20_000, repair: 'a security program may block connections to 127.0.0.1' },
  engine: { title: 'engine socket', limitMs: 20_000, repair: `${look}; \`berth down\`, then \`berth up\`` },
};

export const isGuestPhase = (phase: StartPhase): phase is BootPhase & StartPhase =>
  ['kernel', 'root', 'agent', 'awake', 'data', 'ready'].includes(phase);

/** How long a phase may last on a machine with or without acceleration. */
export function limitOf(phase: StartPhase, accelerated: boolean): number {
  const slow = !accelerated && !['image', 'accelerator', 'disk'].includes(phase);
  return phaseFacts[phase].limitMs * (slow ? emulatedFactor : 1);
}

/** A start that failed: where, why and what to do, never just "it did not start". */
export class StartError extends EngineError {
  readonly phase: StartPhase;
  readonly repair: string;

  constructor(phase: StartPhase, message: string, options?: ErrorOptions) {
    super('unavailable', message, options);
    this.phase = phase;
    this.repair = phaseFacts[phase].repair;
  }
}
