import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settledWithin } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { Mailbox } from '../../base/mailbox.ts';
import { messageOf } from '../../contracts/errors.ts';
import type { MachineSettings } from '../../contracts/guest.ts';
import { checkSocketPath } from '../forwarding/index.ts';
import type { BootPlan, MachineDriver, MachineExit, RunningMachine } from './driver.ts';
import { GuestServices } from './guest-services.ts';
import { type Arch, readImage } from './image.ts';
import { ensureKeys, type MachineKeys } from './keys.ts';
import { acquireLock, type Lock } from './lock.ts';
import { beginStart, beginStop, type MachineState } from './machine-state.ts';
import { PhaseRunner, type Progress } from './phase-runner.ts';
import { limitOf, StartError } from './start-phases.ts';

export interface MachineOptions {
  /** `<home>/machine` */
  folder: string;
  /** `<home>/images/<arch>` */
  imageFolder: string;
  arch: Arch;
  dockerSocket: string;
  driver: MachineDriver;
  cpus: number;
  memoryMiB: number;
  diskGiB: number;
  /** What the guest is told beyond keys and time. */
  guest: Pick<MachineSettings, 'proxy' | 'certificates' | 'engine' | 'resolvers'>;
  log: Log;
}

/** What containers get to stop in, and how long the guest may then take to be off. */
const graceSeconds = 15;
const powerOffLimitMs = 30_000;
const buttonLimitMs = 20_000;
/** As many as the kernel's generator takes for a whole seed. */
const secretBytes = 64;

/**
 * The machine of one home, owned by one host process at a time. Starting is a row of phases, each with a time limit, a
 * cause and a repair; a machine whose host was killed is taken over. Stopping asks, then presses the power button, then
 * ends it; every step has a deadline, so that `stop` always comes back.
 */
export class Machine {
  /** Called with every new state. */
  onState: (state: MachineState) => void = () => undefined;
  readonly #options: MachineOptions;
  readonly #mailbox = new Mailbox();
  #state: MachineState = { status: 'stopped' };
  #lock: Lock | undefined;
  #running: RunningMachine | undefined;
  #services: GuestServices | undefined;
  #stopRequested = new AbortController();

  constructor(options: MachineOptions) {
    this.#options = options;
  }

  get state(): MachineState {
    return this.#state;
  }

  get publishedPorts(): string[] {
    return this.#services?.ports.list() ?? [];
  }

  /** Resolves with the reason when a running machine ends without our doing. */
  get lost(): Promise<MachineExit> {
    return this.#running?.exited ?? Promise.resolve({ clean: true, reason: 'the machine is not running' });
  }

  /** Makes this process the machine's owner; a start does it by itself. @throws conflict when another process is. */
  async claim(): Promise<void> {
    const { folder, dockerSocket } = this.#options;
    checkSocketPath(dockerSocket);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#lock ??= await acquireLock(folder);
  }

  /** @throws conflict when another process owns the machine, {@link StartError} for a phase that failed. Nothing is left running then. */
  start(report: (progress: Progress) => void): Promise<void> {
    return this.#mailbox.run(() => this.#startNow(report));
  }

  /** Ends the machine, whatever it is doing. A start that is under way fails. */
  stop(): Promise<void> {
    this.#stopRequested.abort();
    return this.#mailbox.run(() => this.#stopNow());
  }

  async #startNow(report: (progress: Progress) => void): Promise<void> {
    await this.claim();
    this.#setState(beginStart(this.#state, now()));
    this.#stopRequested = new AbortController();
    try {
      const adopted = await this.#boot(report);
      const description = this.#running?.description ?? '';
      this.#setState({ status: 'running', since: now(), description, adopted });
      void this.#running?.exited.then(exit => this.#whenExited(exit));
    } catch (error) {
      await this.#giveUp();
      const { phase, repair } = error instanceof StartError ? error : {};
      this.#setState({ status: 'failed', since: now(), message: messageOf(error), phase, repair });
      throw error;
    }
  }

  /** Returns true when the machine was running already. */
  async #boot(report: (progress: Progress) => void): Promise<boolean> {
    const steps = new PhaseRunner(report, this.#stopRequested.signal, phase => {
      if (this.#state.status === 'starting') this.#setState({ ...this.#state, phase });
    });
    const { folder, driver } = this.#options;
    const keys = await ensureKeys(join(folder, 'keys.json'));
    const adopted = await driver.find();
    if (adopted)
      this.#running = await steps.run(
        'launch',
        () => adopted,
        found => `${found.description}, still running`,
      );
    else this.#running = await this.#launch(steps, keys);
    try {
      await this.#reachEngine(this.#running, keys, steps);
    } catch (error) {
      if (adopted || this.#stopRequested.signal.aborted || !knowsNoData(error, this.#running)) throw error;
      this.#options.log.warn('this boot does not go on: booting afresh', { reason: messageOf(error) });
      steps.watch(undefined);
      await this.#letGo();
      this.#running = await this.#launch(steps, keys, { afresh: true });
      await this.#reachEngine(this.#running, keys, steps);
    }
    return adopted !== undefined;
  }

  async #launch(steps: PhaseRunner, keys: MachineKeys, how: Pick<BootPlan, 'afresh'> = {}): Promise<RunningMachine> {
    const { folder, imageFolder, arch, driver, diskGiB, cpus, memoryMiB } = this.#options;
    const image = await steps.run(
      'image',
      () => readImage(imageFolder, arch),
      ({ manifest }) => `Linux ${manifest.kernel}, ${manifest.digest.slice(0, 12)}`,
    );
    const { accelerated } = await steps.run(
      'accelerator',
      () => driver.probe(),
      found => found.description,
    );
    steps.accelerated = accelerated;
    const dataDisk = join(folder, 'data.raw');
    await steps.run('disk', () => ensureDisk(dataDisk, diskGiB));
    const settings = this.#guestSettings(keys);
    return steps.run(
      'launch',
      () => driver.start({ image, dataDisk, cpus, memoryMiB, settings, ...how }),
      found => (found.resumed ? 'where an earlier boot was kept' : ''),
    );
  }

  async #reachEngine(machine: RunningMachine, keys: MachineKeys, steps: PhaseRunner): Promise<void> {
    steps.watch(machine);
    const services = await this.#reachGuest(machine, keys, steps);
    await steps.run('channel', () => services.connect(limitOf('channel', steps.accelerated)));
    await steps.run('engine', () => services.ping(limitOf('engine', steps.accelerated)));
  }

  /** Wakes the guest as soon as it sleeps, once this boot is kept for later ones, and logs in while its engine opens. */
  async #reachGuest(machine: RunningMachine, keys: MachineKeys, steps: PhaseRunner): Promise<GuestServices> {
    const { dockerSocket, log } = this.#options;
    const open = (): GuestServices => {
      this.#services ??= new GuestServices({ machine, keys, dockerSocket, log });
      return this.#services;
    };
    const wake = async (): Promise<void> => {
      await machine.wake({ timeUnixMs: Date.now(), secret: randomBytes(secretBytes).toString('base64') });
      open();
    };
    if (machine.resumed) await wake();
    await steps.followGuest(machine, async phase => {
      if (phase !== 'agent') return;
      if (machine.keep) await steps.run('keep', () => this.#keep(machine));
      await wake();
    });
    return open();
  }

  /** A boot that cannot be kept is a boot all the same. */
  async #keep(machine: RunningMachine): Promise<void> {
    try {
      await machine.keep?.();
    } catch (error) {
      this.#options.log.warn('this boot cannot be kept for later ones', { reason: messageOf(error) });
    }
  }

  #guestSettings(keys: MachineKeys): MachineSettings {
    const { guest } = this.#options;
    return { ...guest, hostKey: keys.host.private, authorizedKeys: [keys.user.public] };
  }

  async #stopNow(): Promise<void> {
    if (this.#state.status === 'stopped' && !this.#lock) return;
    this.#setState(beginStop(this.#state, now()));
    if (this.#running) await this.#endGuest(this.#running);
    await this.#giveUp();
    this.#setState({ status: 'stopped' });
  }

  /** Ask; press the button; pull the plug. */
  async #endGuest(machine: RunningMachine): Promise<void> {
    const { log } = this.#options;
    const gone = (ms: number): Promise<boolean> => settledWithin(machine.exited, ms);
    const asked = (await this.#services?.requestShutdown(graceSeconds)) ?? false;
    if (asked && (await gone(graceSeconds * 1000 + powerOffLimitMs))) return;
    if (asked) log.warn('the machine did not shut down when asked: pressing its power button');
    const pressed = await machine.pressPowerButton().then(
      () => true,
      () => false,
    );
    if (pressed && (await gone(asked ? buttonLimitMs : graceSeconds * 1000 + powerOffLimitMs))) return;
    log.warn('the machine does not react: it is switched off');
  }

  /** Lets go of everything, newest first; at once when the guest is off already. */
  async #giveUp(): Promise<void> {
    await this.#letGo();
    await this.#lock?.release();
    this.#lock = undefined;
  }

  async #letGo(): Promise<void> {
    await this.#services?.close();
    this.#services = undefined;
    await this.#running?.kill();
    this.#running = undefined;
  }

  #whenExited(exit: MachineExit): void {
    if (this.#state.status !== 'running') return;
    void this.#mailbox.run(async () => {
      if (this.#state.status !== 'running') return;
      await this.#giveUp();
      const message = `The machine has ended: ${exit.reason}`;
      this.#setState(
        exit.clean ? { status: 'stopped' } : { status: 'failed', since: now(), message, repair: '`berth up`' },
      );
    });
  }

  #setState(state: MachineState): void {
    this.#state = state;
    this.onState(state);
  }
}

/**
 * A guest that has not touched its data disk may try once more: what was kept may not fit in a way that nobody foresaw.
 */
const knowsNoData = (error: unknown, { resumed }: RunningMachine): boolean =>
  resumed || (error instanceof StartError && ['kernel', 'root', 'agent'].includes(error.phase));

const now = (): string => new Date().toISOString();

/** Makes the data disk, sparse; grows it when the setting grew. It is never made smaller: that would cut off data. */
function ensureDisk(file: string, sizeGiB: number): void {
  const size = sizeGiB * 1024 ** 3;
  const existing = statSync(file, { throwIfNoEntry: false });
  if (!existing) writeFileSync(file, '', { flag: 'wx', mode: 0o600 });
  if (!existing || existing.size < size) truncateSync(file, size);
}
