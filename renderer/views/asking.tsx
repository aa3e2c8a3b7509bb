import type { VNode } from 'vue';
import { button, checkField, dialog, textField } from '../components/index.ts';
import { t, useAsking } from '../stores/index.ts';

/** The question that is open, over whatever is shown. */
export function askDialog(): VNode {
  const asking = useAsking();
  const asked = asking.question;
  const change = (text: string): void => {
    asking.text = text;
  };
  const field = asked?.confirm ?? asked?.field;
  const content = (): VNode => (
    <div class="section">
      {asked?.says?.map(text => (
        <p key={text}>{text}</p>
      ))}
      {asked?.warns && <p class="error-text">{asked.warns}</p>}
      {field &&
        textField({
          id: 'asked',
          label: field.label,
          hint: 'hint' in field ? field.hint : undefined,
          value: asking.text,
          focus: true,
          change,
        })}
      {asked?.option &&
        checkField(asked.option.label, asking.option, is => {
          asking.option = is;
        })}
      {asking.problem && (
        <p class="error-text" role="alert">
          {asking.problem}
        </p>
      )}
    </div>
  );
  return dialog({
    title: asked?.title ?? '',
    open: asked !== undefined,
    close: asking.close,
    submit: () => void asking.submit(),
    content,
    footer: () => [
      button({ label: t().common.cancel, onClick: asking.close }),
      button({
        label: asked?.verb ?? '',
        kind: asked?.danger ? 'danger' : 'primary',
        submit: true,
        disabled: asking.busy || (asked?.confirm !== undefined && asking.text !== asked.confirm.name),
        onClick: () => undefined,
      }),
    ],
  });
}
