import { invalidArgument } from '../../contracts/errors.ts';
import type { BuildWarning } from './contract.ts';
import { suggestion } from './dockerfile/check.ts';
import type { Instruction } from './dockerfile/lines.ts';
import type { CheckSettings, Finding } from './lint.ts';
import { experimentalRules } from './lint-rules.ts';

/** Hears what is found in a Dockerfile, and passes on what is wanted, each once. */
export class Linter {
  readonly #settings: CheckSettings;
  readonly #tell: (warning: BuildWarning) => void;
  readonly #told = new Map<string, BuildWarning>();

  constructor(settings: CheckSettings, tell: (warning: BuildWarning) => void) {
    this.#settings = settings;
    this.#tell = tell;
  }

  /** What is found ends the build, before anything is made. */
  get endsBuilds(): boolean {
    return this.#settings.error;
  }

  /** What was passed on so far, in the order of the file. */
  get warnings(): BuildWarning[] {
    return [...this.#told.values()].sort((left, right) => left.line - right.line);
  }

  found({ rule, message, at }: Finding): void {
    const { skips, experiments } = this.#settings;
    if (skips(rule) || (experimentalRules.includes(rule) && !experiments(rule))) return;
    const key = `${rule} ${at.line} ${message}`;
    if (this.#told.has(key)) return;
    const warning = { rule, message, line: at.line, endLine: at.endLine };
    this.#told.set(key, warning);
    this.#tell(warning);
  }

  /** A variable that nothing is known of; `known` is what may have been meant. */
  undefinedVariable(name: string, known: readonly string[], at: Instruction): void {
    const meant = suggestion(name, known, '$');
    this.found({ rule: 'UndefinedVar', message: `Usage of undefined variable '$${name}'${meant}`, at });
  }

  /** @throws invalid-argument when the file says that what is found ends the build */
  throwIfWanted(): void {
    if (!this.endsBuilds || this.#told.size === 0) return;
    const rules = [...new Set([...this.#told.values()].map(({ rule }) => rule))].sort();
    throw invalidArgument(`lint violation found for rules: ${rules.join(', ')}`);
  }
}
