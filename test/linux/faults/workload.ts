import { expect } from 'vitest';
import { EngineError } from '../../../contracts/errors.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';
import type { FaultyEngine } from './faulty-engine.ts';

/** What a client knows of one container: what was acknowledged, and what it asked for last without hearing back. */
interface Known {
  name: string;
  /** Its own program ends with this; undefined: it runs until it is told to end. */
  ownExit: number | undefined;
  terminal: boolean;
  id?: string;
  state: 'absent' | 'created' | 'started' | 'exited' | 'removed';
  asking?: 'create' | 'start' | 'exec' | 'stop' | 'wait' | 'remove';
  pid?: number;
  exitCode?: number;
}

interface State {
  Status: string;
  Pid: number;
  ExitCode: number;
}

let counter = 0;
const lines = 40;
const chatter = (exitCode: number): string[] => [
  'sh',
  '-c',
  `for i in $(seq ${lines}); do echo $i; done; exit ${exitCode}`,
];

/** Nobody answers, or the answer breaks off. */
const isDeath = (error: unknown): boolean =>
  error instanceof EngineError ? error.kind === 'unavailable' : (error as NodeJS.ErrnoException).code === 'ECONNRESET';

/** Several clients that work at once until the engine dies, and remember what they were told. */
export class Workload {
  readonly #engine: FaultyEngine;
  readonly #random: () => number;
  readonly #pullable: string;
  readonly #known: Known[] = [];
  readonly #images = new Set<string>();
  readonly #removing: string[] = [];
  #working: Promise<unknown> = Promise.resolve();

  constructor(engine: FaultyEngine, options: { random: () => number; pullable: string }) {
    this.#engine = engine;
    this.#random = options.random;
    this.#pullable = options.pullable;
  }

  begin(): void {
    const workers = [this.#containers(), this.#containers(), this.#containers(), this.#imagesWork(), this.#runs()];
    this.#working = Promise.all(workers);
    this.#working.catch(() => undefined); // told by ended()
  }

  /** Resolves when every client has noticed that nobody answers; what else went wrong is thrown. */
  async ended(): Promise<void> {
    await this.#working;
  }

  async #containers(): Promise<void> {
    try {
      for (;;) await this.#oneContainer();
    } catch (error) {
      if (!isDeath(error)) throw error;
    }
  }

  async #oneContainer(): Promise<void> {
    const { api } = this.#engine;
    const ownExit = this.#random() < 0.5 ? undefined : Math.floor(this.#random() * 100);
    const known: Known = { name: `w${++counter}`, ownExit, terminal: this.#random() < 0.3, state: 'absent' };
    this.#known.push(known);
    const ask = async <T>(asking: NonNullable<Known['asking']>, path: string, body?: unknown): Promise<T> => {
      known.asking = asking;
      const answer = await api<T>(asking === 'remove' ? 'DELETE' : 'POST', path, body);
      delete known.asking;
      return answer;
    };
    const Cmd = ownExit === undefined ? ['sleep', '1000'] : chatter(ownExit);
    const Volumes = this.#random() < 0.3 ? { '/data': {} } : {};
    const body = { Image: 'busybox', Cmd, Tty: known.terminal, Volumes };
    known.id = (await ask<{ Id: string }>('create', `/containers/create?name=${known.name}`, body)).Id;
    known.state = 'created';
    if (this.#random() < 0.15) return;
    await ask('start', `/containers/${known.id}/start`);
    known.state = 'started';
    if (ownExit === undefined) {
      known.pid = (await this.#inspect(known.id)).Pid;
      await this.#exec(known, ask);
      if (this.#random() < 0.4) return;
      await ask('stop', `/containers/${known.id}/stop?t=0`);
      known.exitCode = 137;
    } else {
      known.exitCode = (await ask<{ StatusCode: number }>('wait', `/containers/${known.id}/wait`)).StatusCode;
      expect(known.exitCode).toBe(ownExit);
    }
    known.state = 'exited';
    if (this.#random() < 0.3) return;
    await ask('remove', `/containers/${known.id}?v=1`);
    known.state = 'removed';
  }

  async #exec(known: Known, ask: <T>(asking: 'exec', path: string, body?: unknown) => Promise<T>): Promise<void> {
    const Cmd = ['sh', '-c', 'exit 3'];
    const { Id } = await ask<{ Id: string }>('exec', `/containers/${known.id}/exec`, { Cmd });
    await ask('exec', `/exec/${Id}/start`, { Detach: true });
  }

  async #inspect(id: string): Promise<State> {
    return (await this.#engine.api<{ State: State }>('GET', `/containers/${id}/json`)).State;
  }

  /** `run --rm` leaves nothing, however it ends. */
  async #runs(): Promise<void> {
    for (;;) {
      const name = `r${++counter}`;
      this.#removing.push(name);
      const { stderr } = await this.#engine.tryDocker(['run', '--rm', '--name', name, 'busybox', 'true']);
      if (stderr !== '') return;
    }
  }

  async #imagesWork(): Promise<void> {
    for (;;) {
      const pull = await this.#engine.tryDocker(['pull', '-q', this.#pullable]);
      if (pull.code !== 0) return;
      this.#images.add(this.#pullable);
      const load = await this.#engine.tryDocker(['load', '-q', '-i', await busyboxArchive()]);
      if (load.code !== 0) return;
      this.#images.delete(this.#pullable);
      const remove = await this.#engine.tryDocker(['rmi', this.#pullable]);
      if (remove.code !== 0) return;
    }
  }

  /** What was asked for and never answered. */
  get unanswered(): string[] {
    return this.#known.map(({ asking }) => asking ?? '').filter(Boolean);
  }

  /** After a restart: everything is as it was said to be. */
  async verify(): Promise<void> {
    const { api, docker } = this.#engine;
    const listed = await api<{ Id: string; Names: string[] }[]>('GET', '/containers/json?all=1');
    const idOf = new Map(listed.map(({ Id, Names }) => [Names[0]?.slice(1) ?? '', Id]));
    for (const known of this.#known) await this.#verifyOne(known, idOf.get(known.name));
    const found = await api<{ RepoTags: string[] }[]>('GET', '/images/json');
    const images = found.flatMap(({ RepoTags }) => RepoTags);
    for (const image of this.#images) expect(images).toContain(image);
    expect(images).toContain('busybox:latest');
    if (images.includes(this.#pullable)) await docker('run', '--rm', '--network', 'none', this.#pullable, 'true');
  }

  async #verifyOne(known: Known, id: string | undefined): Promise<void> {
    const what = JSON.stringify(known);
    if (known.state === 'removed') return expect(id, what).toBeUndefined();
    if (!id) return expect(known.asking === 'create' || known.asking === 'remove', `${what} is gone`).toBe(true);
    if (known.id) expect(id, what).toBe(known.id);
    const state = await this.#settled(id, known);
    const told = `${what} is ${JSON.stringify(state)}`;
    if (known.state === 'absent') return expect(state.Status, told).toBe('created');
    if (known.state === 'created' && !known.asking) return expect(state.Status, told).toBe('created');
    if (known.state === 'exited' || (known.state === 'started' && known.ownExit !== undefined)) {
      expect(state, told).toMatchObject({ Status: 'exited', ExitCode: known.exitCode ?? known.ownExit });
      if (known.ownExit === undefined) return;
      const end = known.terminal ? '\r\n' : '\n';
      const said = Array.from({ length: lines }, (_, index) => `${index + 1}${end}`).join('');
      return expect(await this.#engine.docker('logs', id), told).toBe(said);
    }
    if (known.state === 'started' && known.asking !== 'stop') expect(state.Status, told).toBe('running');
    if (known.pid && state.Status === 'running') expect(state.Pid, told).toBe(known.pid);
  }

  /** A program that ends by itself is given the time to. */
  async #settled(id: string, known: Known): Promise<State> {
    return eventually(`${known.name} ends by itself`, async () => {
      const state = await this.#inspect(id);
      return state.Status !== 'running' || known.ownExit === undefined ? state : undefined;
    });
  }

  /** Frees every name that was asked for, by making it once more; then all goes. */
  async cleanUp(): Promise<void> {
    const { api } = this.#engine;
    const left = await api<{ Id: string; Names: string[]; State: string }[]>('GET', '/containers/json?all=1');
    const ours = left.filter(({ Names }) => /^\/[wr]\d+$/.test(Names[0] ?? ''));
    const unfinished = new Set(this.#removing.map(name => `/${name}`));
    for (const { Id, Names, State } of ours) {
      if (unfinished.has(Names[0] ?? '') && State === 'exited') {
        await eventually(`${Names[0]} removes itself`, () =>
          this.#inspect(Id).then(
            () => false,
            () => true,
          ),
        );
        continue;
      }
      await api('DELETE', `/containers/${Id}?force=1&v=1`).catch(error => {
        if (!/already in progress|No such container/.test(String(error))) throw error;
      });
    }
    for (const { name } of this.#known.filter(known => known.asking === 'create')) {
      const { Id } = await api<{ Id: string }>('POST', `/containers/create?name=${name}`, {
        Image: 'busybox',
        Cmd: ['true'],
      });
      await api('DELETE', `/containers/${Id}`);
    }
    expect(await this.#engine.docker('volume', 'ls', '-q')).toBe('');
  }
}
