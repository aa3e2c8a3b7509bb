import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';
import { messageOf } from '../../contracts/errors.ts';

/** What is asked before something is done: what it costs, a text that it needs, or a name to type first. */
export interface Question {
  title: string;
  /** What is lost, or what it means; a paragraph each. */
  says?: readonly string[];
  /** The one that must not be overlooked. */
  warns?: string | undefined;
  /** On the button that does it. */
  verb: string;
  danger?: boolean;
  /** A text that `run` gets. */
  field?: { label: string; hint?: string; start?: string };
  /** Typed letter by letter before it may be done: only for what cannot be had again. */
  confirm?: { label: string; name: string };
  /** Yes or no, beside. */
  option?: { label: string; start?: boolean };
  /** What it throws is shown, and asked again. */
  run(text: string, option: boolean): unknown;
}

/** The one question that is open. */
export const useAsking = defineStore('asking', () => {
  const question = shallowRef<Question>();
  const text = ref('');
  const option = ref(false);
  const problem = ref('');
  const busy = ref(false);

  function ask(asked: Question): void {
    question.value = asked;
    text.value = asked.field?.start ?? '';
    option.value = asked.option?.start ?? false;
    problem.value = '';
    busy.value = false;
  }

  const close = (): void => {
    question.value = undefined;
  };

  async function submit(): Promise<void> {
    const asked = question.value;
    if (!asked || busy.value || (asked.confirm && text.value !== asked.confirm.name)) return;
    busy.value = true;
    try {
      await asked.run(text.value.trim(), option.value);
      if (question.value === asked) close();
    } catch (error) {
      problem.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  }

  return { question, text, option, problem, busy, ask, close, submit };
});
