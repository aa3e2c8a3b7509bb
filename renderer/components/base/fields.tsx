import { Search } from '@lucide/vue';
import type { VNode } from 'vue';
import { icon } from './controls.tsx';

const textOf = (event: Event): string => (event.target as HTMLInputElement).value;

/** The one search field of a view; `/` goes there. `shown` stands in it where the label is long. */
export const searchField = (label: string, value: string, change: (value: string) => void, shown = label): VNode => (
  <div class="search">
    {icon(Search)}
    <input
      type="search"
      data-search
      aria-label={label}
      placeholder={shown}
      value={value}
      onInput={event => change(textOf(event))}
      onKeydown={event => {
        if (event.key === 'Escape') change('');
      }}
    />
  </div>
);

export interface FieldOptions {
  id: string;
  label: string;
  value: string;
  change: (value: string) => void;
  hint?: string;
  problem?: string;
  /** Lines of a text area. */
  lines?: number;
  wide?: boolean;
  list?: readonly string[];
  focus?: boolean;
  /** What is typed is not shown. */
  secret?: boolean;
}

/** A label, a text and what is wrong with it. */
export function textField(options: FieldOptions): VNode {
  const { id, label, value, change, hint, problem, lines, list } = options;
  const common = {
    id,
    value,
    'aria-invalid': problem !== undefined,
    'aria-describedby': `${id}-hint`,
    autocomplete: 'off',
    spellcheck: false,
    onInput: (event: Event) => change(textOf(event)),
  };
  return (
    <div class={['field', options.wide && 'wide']}>
      <label for={id}>{label}</label>
      {lines ? (
        <textarea rows={lines} {...common} />
      ) : (
        <input
          type={options.secret ? 'password' : 'text'}
          list={list && `${id}-list`}
          data-autofocus={options.focus}
          {...common}
        />
      )}
      {list && (
        <datalist id={`${id}-list`}>
          {list.map(each => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
      <span id={`${id}-hint`} class={problem ? 'problem' : 'hint'}>
        {problem ?? hint}
      </span>
    </div>
  );
}

export interface SelectOptions<T extends string> {
  id: string;
  label: string;
  value: T;
  choices: Readonly<Record<T, string>>;
  change: (value: T) => void;
  hideLabel?: boolean;
}

export const selectField = <T extends string>({
  id,
  label,
  value,
  choices,
  change,
  hideLabel,
}: SelectOptions<T>): VNode => (
  <div class="field">
    <label for={id} class={hideLabel ? 'visually-hidden' : undefined}>
      {label}
    </label>
    <select id={id} value={value} onChange={event => change(textOf(event) as T)}>
      {(Object.entries(choices) as [T, string][]).map(([key, text]) => (
        <option key={key} value={key} selected={key === value}>
          {text}
        </option>
      ))}
    </select>
  </div>
);

export const checkField = (label: string, checked: boolean, change: (checked: boolean) => void): VNode => (
  <label class="row">
    <input type="checkbox" checked={checked} onChange={event => change((event.target as HTMLInputElement).checked)} />
    {label}
  </label>
);
