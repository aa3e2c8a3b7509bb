import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from '@codemirror/language';
import { dockerFile } from '@codemirror/legacy-modes/mode/dockerfile';
import { properties } from '@codemirror/legacy-modes/mode/properties';
import { shell } from '@codemirror/legacy-modes/mode/shell';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { defineComponent, onBeforeUnmount, onMounted, ref, watch } from 'vue';

export type CodeLanguage = 'json' | 'yaml' | 'dockerfile' | 'shell' | 'properties' | 'text';

const languages: Record<CodeLanguage, () => Extension> = {
  json,
  yaml,
  dockerfile: () => StreamLanguage.define(dockerFile),
  shell: () => StreamLanguage.define(shell),
  properties: () => StreamLanguage.define(properties),
  text: () => [],
};

const byEnding: Record<string, CodeLanguage> = {
  ...{ json: 'json', yaml: 'yaml', yml: 'yaml', sh: 'shell', bash: 'shell' },
  ...{ conf: 'properties', ini: 'properties', env: 'properties', toml: 'properties', properties: 'properties' },
};

/** The language of a file by its name. */
export function languageOf(name: string): CodeLanguage {
  if (/(^|\/|\.)(dockerfile|containerfile)(\.|$)/i.test(name)) return 'dockerfile';
  return byEnding[name.split('.').at(-1)?.toLowerCase() ?? ''] ?? 'text';
}

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.definitionKeyword], color: 'var(--accent)', fontWeight: '600' },
  { tag: [tags.propertyName, tags.definition(tags.propertyName), tags.attributeName], color: 'var(--code-name)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-text)' },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: 'var(--code-number)' },
  { tag: tags.comment, color: 'var(--text-soft)', fontStyle: 'italic' },
]);

const look = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'var(--log-ground)', color: 'var(--text)', fontSize: '12px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '20px' },
  '.cm-gutters': { backgroundColor: 'var(--log-ground)', color: 'var(--text-soft)', border: 'none' },
  '.cm-activeLine': { backgroundColor: 'transparent' },
  '&.cm-focused .cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--selected) 45%, transparent)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--selected) !important' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-2px' },
  '.cm-panels': { backgroundColor: 'var(--ground)', color: 'var(--text)' },
  '.cm-searchMatch': { backgroundColor: 'var(--match)' },
});

/** A text with line numbers, colours, search and undo. Tab indents; Escape, then Tab leaves it. */
export const CodeEditor = defineComponent(
  (props: {
    text: string;
    language: CodeLanguage;
    label: string;
    readonly?: boolean;
    change?: (text: string) => void;
    save?: () => void;
  }) => {
    const box = ref<HTMLElement | null>(null);
    let view: EditorView | undefined;
    const save = (): boolean => {
      props.save?.();
      return props.save !== undefined;
    };
    const extensions = (): Extension[] => [
      ...[lineNumbers(), history(), drawSelection(), bracketMatching(), highlightActiveLine()],
      ...[search({ top: true }), highlightSelectionMatches(), syntaxHighlighting(colours), look],
      keymap.of([
        { key: 'Mod-s', run: () => save() },
        ...[...searchKeymap, ...historyKeymap, ...defaultKeymap, indentWithTab],
      ]),
      languages[props.language](),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': props.label }),
      EditorState.readOnly.of(props.readonly === true),
      EditorView.updateListener.of(({ docChanged, state }) => {
        if (docChanged) props.change?.(state.doc.toString());
      }),
    ];
    onMounted(() => {
      if (!box.value) return;
      view = new EditorView({ doc: props.text, extensions: extensions(), parent: box.value });
    });
    // a text from outside takes the place of what is there; one's own typing comes back unchanged
    watch(
      () => props.text,
      text => {
        if (view && view.state.doc.toString() !== text)
          view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
      },
    );
    onBeforeUnmount(() => view?.destroy());
    return () => <div class="code" ref={box} />;
  },
  { props: ['text', 'language', 'label', 'readonly', 'change', 'save'] },
);
