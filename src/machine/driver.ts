import type { Duplex } from 'node:stream';
import type { BootLine, MachineSettings, WakeCall } from '../../contracts/guest.ts';
import type { UdpRule } from '../forwarding/index.ts';
import type { MachineImage } from './image.ts';

/** What a machine is started with. */
export interface BootPlan {
  image: MachineImage;
  /** Sparse, raw; made by the caller. */
  dataDisk: string;
  cpus: number;
  memoryMiB: number;
  settings: MachineSettings;
  /** Boot from the first instruction on, whatever was kept. */
  afresh?: boolean;
}

/** How a machine ended. */
export interface MachineExit {
  /** False when it died: killed, crashed, refused to start. */
  clean: boolean;
  /** In the driver's own words. */
  reason: string;
}

/** A machine that runs, whoever started it. */
export interface RunningMachine {
  /** For people: `QEMU 7.2.22, tcg`. */
  readonly description: string;
  readonly accelerated: boolean;
  readonly exited: Promise<MachineExit>;
  /** It began where an earlier boot was kept: asleep, at the phase `agent`. */
  readonly resumed: boolean;
  /** Keeps the state of a machine that sleeps, for later starts with the same plan. Absent where that cannot be done. */
  keep?(): Promise<void>;
  /** Wakes the guest; one that is awake does not notice. */
  wake(call: WakeCall): Promise<void>;
  /** A new byte stream to the guest's SSH server. */
  openStream(): Promise<Duplex>;
  /** What the guest has said about its boot so far, from the first line on; ends with `ready`, the signal or the machine. */
  bootLines(signal: AbortSignal): AsyncIterable<BootLine>;
  /** Asks the guest to shut down as its power button would. */
  pressPowerButton(): Promise<void>;
  /** Ends it now. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Last lines of the guest's console, to explain a failure. */
  lastWords(): string[];
  /** Datagrams that reach the host are passed to the guest. */
  udp: { add(rule: UdpRule): Promise<void>; remove(rule: UdpRule): Promise<void> };
}

/** One way to run a machine on this computer. A driver decides nothing for the user: it returns or throws. */
export interface MachineDriver {
  /** What runs the machine and how fast; found out on the first call and remembered. @throws not-found when it is not installed. */
  probe(): Promise<{ description: string; accelerated: boolean }>;
  /** The machine that still runs although its host program is gone; what hangs is ended and not found. */
  find(): Promise<RunningMachine | undefined>;
  /** @throws unavailable with the driver's words. Nothing is left when it throws. */
  start(plan: BootPlan): Promise<RunningMachine>;
}
