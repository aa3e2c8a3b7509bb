import { defineComponent, ref, type VNode } from 'vue';
import { t } from '../../stores/index.ts';
import { button } from '../base/controls.tsx';
import { Copyable } from '../base/empty.tsx';
import { searchField } from '../base/fields.tsx';

const isNested = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0;

const holds = (key: string, value: unknown, search: string): boolean => {
  if (search === '' || key.toLowerCase().includes(search)) return true;
  if (!isNested(value)) return JSON.stringify(value)?.toLowerCase().includes(search) ?? false;
  return Object.entries(value).some(([inner, each]) => holds(inner, each, search));
};

function branch(key: string, value: unknown, search: string, depth: number): VNode | undefined {
  if (!holds(key, value, search)) return undefined;
  if (!isNested(value))
    return (
      <div class="leaf" key={key}>
        <span class="key">{key}</span>
        <code>{JSON.stringify(value)}</code>
      </div>
    );
  const inner = search !== '' && key.toLowerCase().includes(search) ? '' : search;
  return (
    <details key={key} open={depth < 1 || search !== ''}>
      <summary>
        <span class="key">{key}</span>
        <span class="soft">{Array.isArray(value) ? `[${value.length}]` : `{${Object.keys(value).length}}`}</span>
      </summary>
      {Object.entries(value).map(([name, each]) => branch(name, each, inner, depth + 1))}
    </details>
  );
}

/** A JSON document as a tree that can be searched, or raw. */
export const DocumentTree = defineComponent(
  (props: { document: object }) => {
    const search = ref('');
    const raw = ref(false);
    return () => (
      <div class="view">
        <div class="toolbar" style={{ padding: '8px 16px' }}>
          {searchField(t().inspect.search, search.value, value => {
            search.value = value;
          })}
          <span class="grow" />
          {button({
            label: t().inspect.raw,
            pressed: raw.value,
            onClick: () => {
              raw.value = !raw.value;
            },
          })}
          <Copyable text={JSON.stringify(props.document, null, 2)} shown="JSON" />
        </div>
        <div class="body" tabindex={0}>
          {raw.value ? (
            <pre class="raw">{JSON.stringify(props.document, null, 2)}</pre>
          ) : (
            <div class="tree">
              {Object.entries(props.document).map(([key, value]) => branch(key, value, search.value.toLowerCase(), 0))}
            </div>
          )}
        </div>
      </div>
    );
  },
  { props: ['document'] },
);
