import { createHash } from 'node:crypto';
import { messageOf } from '../../../contracts/errors.ts';
import { toText } from '../../../contracts/oci/reference.ts';
import { formatPlatform } from '../../images/index.ts';
import type { BuildWarning, BuildWatcher, Material, StepNews, StepWatcher } from '../contract.ts';
import { ruleAddress, ruleDescriptions } from '../lint-rules.ts';
import { encode, timestampOf } from './messages.ts';

/** What a client draws: vertices, their logs, transfers and warnings, as encoded StatusResponses in their order. */
export class Progress implements BuildWatcher {
  readonly #id: string;
  readonly #messages: Uint8Array[] = [];
  #wake: () => void = () => undefined;
  #ended = false;
  #steps = 0;
  #completed = 0;
  #cached = 0;
  #warnings = 0;
  readonly #materials = new Map<string, Material>();
  /** The Dockerfile, for warnings that show it. */
  source: { filename: string; data: Uint8Array } | undefined;
  /** The vertex that read the Dockerfile: warnings are its. */
  definition = '';

  constructor(id: string) {
    this.#id = id;
  }

  step(news: StepNews): StepWatcher {
    const number = this.#steps++;
    const { digest, inputs } = news.vertex ?? { digest: this.#digestFor(number, news), inputs: [] };
    const started = timestampOf(new Date());
    const vertex = (more: object): void =>
      this.#tell({ vertexes: [{ digest, inputs, name: news.name, started, ...more }] });
    if (news.name.includes('load build definition')) this.definition = digest;
    vertex({});
    return {
      running: () => undefined,
      output: (stream, data) => {
        const log = {
          vertex: digest,
          timestamp: timestampOf(new Date()),
          stream: stream === 'stdout' ? 1 : 2,
          msg: data,
        };
        this.#tell({ logs: [log] });
      },
      status: (id, current, total) => {
        const now = timestampOf(new Date());
        const completed = total === undefined ? {} : { completed: now };
        const status = {
          ID: id,
          vertex: digest,
          current,
          total: total === current ? 0 : (total ?? 0),
          timestamp: now,
          started,
          ...completed,
        };
        this.#tell({ statuses: [status] });
      },
      done: ({ cached }) => {
        this.#completed++;
        if (cached) this.#cached++;
        vertex({ cached, completed: timestampOf(new Date()) });
      },
      failed: error => vertex({ completed: timestampOf(new Date()), error: messageOf(error) }),
    };
  }

  /** Steps without a digest of their own get one that no other build has. */
  #digestFor(number: number, { name }: StepNews): string {
    return `sha256:${createHash('sha256').update(`${this.#id} ${number} ${name}`).digest('hex')}`;
  }

  warning({ rule, message, line, endLine }: BuildWarning): void {
    this.#warnings++;
    const [start, end] = [line, endLine].map(each => ({ line: each, character: 0 }));
    this.#tell({
      warnings: [
        {
          vertex: this.definition,
          level: 1,
          short: Buffer.from(`${rule}: ${message} (line ${line})`),
          detail: [Buffer.from(ruleDescriptions[rule] ?? '')],
          url: ruleAddress(rule),
          ...(this.source ? { info: { ...this.source, language: 'Dockerfile' } } : {}),
          ranges: [{ start, end }],
        },
      ],
    });
  }

  /** A warning of a frontend's own, in its words. */
  passOn(warning: object): void {
    this.#warnings++;
    this.#tell({ warnings: [warning] });
  }

  used(material: Material): void {
    const { reference, platform } = material;
    this.#materials.set(`${toText(reference)} ${formatPlatform(platform)}`, material);
  }

  /** The images that went into it, each once. */
  get materials(): Iterable<Material> {
    return this.#materials.values();
  }

  /** How many steps there were, and what became of them. */
  get counts(): { total: number; completed: number; cached: number; warnings: number } {
    return { total: this.#steps, completed: this.#completed, cached: this.#cached, warnings: this.#warnings };
  }

  /** All that was told. */
  get told(): readonly Uint8Array[] {
    return this.#messages;
  }

  /** Nothing more will be told. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** What has been told and what will be, to the end. */
  async *messages(): AsyncGenerator<Uint8Array> {
    for (let at = 0; ; ) {
      const message = this.#messages[at];
      if (message) {
        at++;
        yield message;
      } else if (this.#ended) return;
      else
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
    }
  }

  #tell(response: object): void {
    this.#messages.push(encode('StatusResponse', response));
    this.#wake();
  }
}
