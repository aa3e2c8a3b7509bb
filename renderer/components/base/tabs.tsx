import { TabsContent, TabsList, TabsRoot, TabsTrigger } from 'reka-ui';
import { h, type VNode } from 'vue';

export interface Tab {
  key: string;
  label: string;
  content: () => VNode;
}

/** One of several; only the one that is shown exists. */
export const tabs = (label: string, all: readonly Tab[], shown: string, show: (key: string) => void): VNode =>
  h(
    TabsRoot,
    { class: 'tabs', modelValue: shown, 'onUpdate:modelValue': (key: string | number) => show(String(key)) },
    () => [
      h(TabsList, { class: 'tab-list', 'aria-label': label }, () =>
        all.map(({ key, label: text }) => h(TabsTrigger, { key, value: key, class: 'tab' }, () => text)),
      ),
      all.map(({ key, content }) =>
        h(TabsContent, { key, value: key, class: 'tab-panel' }, () => (key === shown ? content() : undefined)),
      ),
    ],
  );
